-- SPDX-License-Identifier: MIT
-- mod_lab_stream_ends.lua: logs how s2s streams end, as seen on the wire: </stream:stream> and <stream:error>.
module:set_global();
local filters = require "util.filters";

local function watch(session)
	if session.type:sub(1, 3) ~= "s2s" then
		return;
	end
	local function tap(direction)
		return function (data)
			if type(data) == "string" then
				if data:find("</stream:stream>", 1, true) then
					session.log("info", "stream end %s: %s -> %s", direction, session.from_host, session.to_host);
				end
				if data:find("<stream:error", 1, true) then
					session.log("info", "stream error %s: %s -> %s: %s", direction, session.from_host, session.to_host, data);
				end
			end
			return data;
		end
	end
	filters.add_filter(session, "bytes/in", tap("received"), 1000);
	filters.add_filter(session, "bytes/out", tap("sent"), -1000);
end

function module.load() filters.add_filter_hook(watch); end
function module.unload() filters.remove_filter_hook(watch); end
