#include "main/cache_peers_option.h"

#include <filesystem>

#include "edge/cache/peer_words.h"
#include "io/file/files.h"
#include "io/tls/client.h"
#include "recipe/cache_peers_file.h"

namespace moln {
namespace {

constexpr std::size_t k_key_bytes_max = 1024;
constexpr std::size_t k_authorities_bytes_max = 256 * 1024;

std::string beside(const std::string& file, const std::string& path) {
    return (std::filesystem::path(file).parent_path() / path).string();
}

Result<Secret> read_key(const std::string& path) {
    MOLN_ASSIGN(auto key, read_secret_file(path, k_key_bytes_max));
    if (!edge::parse_peer_key(key.reveal())) {
        return fail(ErrorCode::invalid,
                    path + ": is not 64 hexadecimal digits; make it with: openssl rand -hex 32");
    }
    return key;
}

Result<CachePeering> read_peering(const std::string& file, const SealBox& seals) {
    MOLN_ASSIGN(const auto text, read_file(file, k_cache_peers_file_bytes_max));
    MOLN_ASSIGN(auto read, parse_cache_peers(text, file));
    MOLN_ASSIGN(const auto key, read_key(beside(file, read.key_path)));
    CachePeering peering = std::move(read.peering);
    peering.sealed_key = seals.for_purpose(k_seal_certificates).seal(key, k_cache_peering_context);
    if (!read.authorities.empty()) {
        const auto path = beside(file, read.authorities);
        MOLN_ASSIGN(peering.authorities, read_file(path, k_authorities_bytes_max));
        if (const auto usable = tls::Client::create(peering.authorities); !usable) {
            return fail_in(path, usable.error());
        }
    }
    return peering;
}

}  // namespace

Result<std::string> cache_peers_line(const std::string& file, const SealBox& seals) {
    CachePeering peering;
    if (!file.empty()) {
        MOLN_ASSIGN(peering, read_peering(file, seals));
    }
    json::object line;
    line.emplace("cache_peers", to_json(peering));
    return json::serialize(line);
}

}  // namespace moln
