-- SPDX-License-Identifier: MIT
-- mod_lab_refuse_external.lua: answers SASL EXTERNAL of a server with <failure/> and the end of the stream. Dialback is Prosody's own.
local st = require "util.stanza";
local xmlns_sasl = "urn:ietf:params:xml:ns:xmpp-sasl";

module:hook("stanza/" .. xmlns_sasl .. ":auth", function (event)
	local session = event.origin;
	if session.type ~= "s2sin_unauthed" then
		return;
	end
	session.sends2s(st.stanza("failure", { xmlns = xmlns_sasl }):tag("not-authorized"));
	session:close();
	return true;
end, 1000);
