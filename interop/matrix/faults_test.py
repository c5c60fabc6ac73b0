# SPDX-License-Identifier: MIT
"""faults_test.py: what excuses a cell must not excuse another: the judgement of faults.py on lines of ejabberd's log, recorded but for the bytes."""
import datetime
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from matrix import axes, faults  # noqa: E402

HELLO = "{tcp,#Port<0.264>,\n                      <<22,3,3,0,122,2,0,0,118,3,3,250,16,29,\n                        224,54>>}"
PAIR = ("both.ejabberd24.example", "badca.sut.example")


def line(second, process, words, level="warning", where="ejabberd_s2s_out:process_closed/2:157"):
    return f"2026-11-25 18:51:{second}+00:00 [{level}] <0.{process}.0>@{where} {words}\n"


def start(second, process, pair=PAIR):
    return line(second, process, f"Outbound s2s connection started: {pair[0]} -> {pair[1]}", "info")


def failure(second, process, why=faults.NO_DOMAIN, pair=PAIR):
    return line(second, process, f"Failed to establish outbound s2s connection {pair[0]} -> {pair[1]}: {why}; bouncing for 286 seconds")


def at(second):
    return datetime.datetime.fromisoformat(f"2026-11-25T18:51:{second}+00:00")


def found(text, *times):
    return faults.Journal(text).unread_answer(*PAIR, *times)


class UnreadAnswer(unittest.TestCase):
    def test_at_once_and_after_five_seconds(self):
        for end, seconds in (("07.808980", "0.004"), ("12.804713", "5.000")):
            text = start("07.804713", 591) + failure(end, 591) + line(end, 591, "Unexpected info: {tcp,#Port<0.264>,<<>>}") + \
                line(end, 591, f"Unexpected info: {HELLO}")
            self.assertEqual(found(text), f"\"{faults.NO_DOMAIN}\" {seconds} s after its start, and then a ServerHello, unread "
                                          "(16 bytes), says the peer")

    def test_without_the_answer_it_is_a_failure(self):
        begin = start("07.804713", 591)
        for text in ("", begin, begin + failure("07.808980", 591),
                     begin + failure("12.9", 591) + line("12.9", 591, "Unexpected info: {tcp,#Port<0.264>,<<>>}"),
                     begin + failure("12.9", 591) + line("12.9", 591, "Unexpected info: {tcp,#Port<0.264>,\n    <<21,3,3,0,2,2,40>>}")):
            self.assertIsNone(found(text), text)

    def test_that_of_another_process_counts_for_nobody_else(self):
        other = ("both.ejabberd24.example", "rsa.sut.example")
        text = start("07.804713", 591) + start("07.804714", 592, other) + failure("12.9", 591) + failure("12.9", 592, pair=other) + \
            line("12.9", 592, f"Unexpected info: {HELLO}")
        self.assertIsNone(found(text))
        self.assertIsNotNone(faults.Journal(text).unread_answer(*other))

    def test_another_reason_is_not_excused(self):
        for why in ("Connection failed: connection refused", "TLS failed: SSL_do_handshake failed", "authentication failed"):
            self.assertIsNone(found(start("07.8", 591) + failure("12.9", 591, why) + line("12.9", 591, f"Unexpected info: {HELLO}")))

    def test_only_what_started_in_its_time(self):
        text = start("07.804713", 591) + failure("12.9", 591) + line("12.9", 591, f"Unexpected info: {HELLO}")
        self.assertIsNotNone(found(text, at("07.8"), at("08")))
        self.assertIsNone(found(text, at("07.9"), at("20")))
        self.assertIsNone(found(text, at("00"), at("07.8")))

    def test_only_ejabberds_that_have_it_and_direct_tls(self):
        peers, phases = {p.name: p for p in axes.PEERS}, {p.name: p for p in axes.PHASES}
        for phase, peer, hit in (("direct", "ejabberd24", True), ("certificates", "ejabberd24", False), ("direct", "ejabberd23", False)):
            cell = axes.Cell(phases[phase], peers[peer], axes.THEY, axes.WE, "badca")
            pair = (cell.theirs, cell.ours)
            journal = faults.Journal(start("07.8", 591, pair) + failure("12.9", 591, pair=pair) +
                                     line("12.9", 591, f"Unexpected info: {HELLO}"))
            self.assertEqual(faults.of_cell(cell, journal, at("00"), at("59")) is not None, hit, (phase, peer))


if __name__ == "__main__":
    unittest.main()
