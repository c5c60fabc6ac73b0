-- SPDX-License-Identifier: MIT
-- mod_lab_wire.lua: logs what is read and written on s2s streams, behind TLS too.
module:set_global();
local filters = require "util.filters";

local function watch(session)
	if session.type:sub(1, 3) ~= "s2s" then
		return;
	end
	local function tap(direction)
		return function (data)
			if type(data) == "string" then
				session.log("debug", "wire %s: %s", direction, (data:gsub("[\r\n]", " ")));
			end
			return data;
		end
	end
	filters.add_filter(session, "bytes/in", tap("read"), 1000);
	filters.add_filter(session, "bytes/out", tap("wrote"), -1000);
end

function module.load() filters.add_filter_hook(watch); end
function module.unload() filters.remove_filter_hook(watch); end
