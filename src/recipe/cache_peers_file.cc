#include "recipe/cache_peers_file.h"

#include <utility>

#include <fmt/format.h>

#include "recipe/table_reader.h"
#include "recipe/toml_tree.h"

namespace moln {
namespace {

// "203.0.113.7:443"
bool split_address(const std::string& text, CachePeer& peer) {
    const auto colon = text.rfind(':');
    if (colon == std::string::npos || colon + 1 == text.size()) return false;
    const auto digits = text.substr(colon + 1);
    if (digits.size() > 5 || digits.find_first_not_of("0123456789") != std::string::npos) {
        return false;
    }
    constexpr int k_port_max = 65'535;
    const int port = std::stoi(digits);
    if (port == 0 || port > k_port_max) return false;
    peer.address = text.substr(0, colon);
    peer.port = static_cast<std::uint16_t>(port);
    return true;
}

CachePeer read_peer(const TomlValue& value, FileProblems& problems) {
    TableReader table(value, "peer", problems);
    CachePeer peer;
    peer.name = table.text("name").value_or("");
    peer.kind = table.word<CachePeerKind>("kind").value_or(CachePeerKind::sibling);
    peer.host = table.text("host").value_or("");
    const auto address = table.text("address");
    if (!address || !split_address(*address, peer)) {
        problems.add(table.line("address"), "peer.address",
                     "expected an IPv4 address and a port, as in \"203.0.113.7:443\"",
                     value.find("address"));
    }
    table.refuse_unknown();
    return peer;
}

}  // namespace

Result<CachePeersFile> parse_cache_peers(std::string_view text, std::string_view file) {
    MOLN_ASSIGN(const auto root, parse_toml(text, file, k_cache_peers_file_bytes_max));
    FileProblems problems(file);
    CachePeersFile out;
    TableReader top(root, "", problems);
    out.peering.name = top.text("name").value_or("");
    out.key_path = top.text("key").value_or("");
    out.authorities = top.text("authorities").value_or("");
    if (!top.has("name")) problems.add(1, "name", "expected what the others call this edge");
    if (!top.has("key")) problems.add(1, "key", "expected the path of the key that they share");
    bool over_tls = false;
    for (const auto* table : top.tables("peer")) {
        out.peering.peers.push_back(read_peer(*table, problems));
        over_tls = over_tls || !out.peering.peers.back().host.empty();
    }
    if (over_tls && out.authorities.empty()) {
        problems.add(1, "authorities",
                     "expected the path of the certificates that the peers' are signed by");
    }
    top.refuse_unknown();
    MOLN_TRY(problems.status());
    if (const auto valid = validate(out.peering); !valid) {
        return fail(ErrorCode::invalid, fmt::format("{}: {}", file, valid.error().reason));
    }
    return out;
}

}  // namespace moln
