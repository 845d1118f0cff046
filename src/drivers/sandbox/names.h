// /etc/hosts, /etc/hostname and /etc/resolv.conf of an instance. Pure but for reading the host's.
#pragma once

#include <string>

namespace moln {

struct InstanceNames {
    std::string hostname;
    std::string address;
};

std::string hosts_text(const InstanceNames& names);

// The nameservers an instance can reach, from the text of the host's resolv.conf: those on loopback
// are the host's own and are left out. Search domains are the host's business and are dropped.
std::string resolv_text(const std::string& host_text);

// resolv_text of the host's; where a local resolver stands before the real ones, of what that uses.
std::string host_resolv_text();

}  // namespace moln
