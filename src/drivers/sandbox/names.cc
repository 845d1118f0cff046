#include "drivers/sandbox/names.h"

#include <sstream>

#include <fmt/format.h>

#include "io/file/files.h"

namespace moln {

std::string hosts_text(const InstanceNames& names) {
    std::string out = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";
    if (!names.address.empty()) out += fmt::format("{}\t{}\n", names.address, names.hostname);
    return out;
}

std::string resolv_text(const std::string& host_text) {
    std::string out;
    std::istringstream lines(host_text);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string key;
        std::string value;
        words >> key >> value;
        const bool local = value.starts_with("127.") || value == "::1";
        const bool v4 = value.find(':') == std::string::npos;  // instances speak IPv4
        if (key == "nameserver" && !value.empty() && !local && v4) {
            out += "nameserver " + value + "\n";
        } else if (key == "options") {
            out += line + "\n";
        }
    }
    return out;
}

std::string host_resolv_text() {
    auto text = resolv_text(read_file("/etc/resolv.conf").value_or(""));
    if (text.find("nameserver") == std::string::npos) {
        text = resolv_text(read_file("/run/systemd/resolve/resolv.conf").value_or(""));
    }
    return text;
}

}  // namespace moln
