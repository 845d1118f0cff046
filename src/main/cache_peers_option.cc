#include "main/cache_peers_option.h"

#include <filesystem>
#include <utility>

#include <sys/stat.h>

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

Result<CachePeering> read_peering(const std::string& file, CachePeersFile read,
                                  const SealBox& seals) {
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

CachePeersOption::CachePeersOption(std::string file, const SealBox& seals)
    : file_(std::move(file)), seals_(seals) {
    if (!file_.empty()) paths_.push_back(file_);
}

// With the change of its inode: also another mode or owner counts.
CachePeersOption::Stamp CachePeersOption::stamp_of(const std::string& path) {
    struct stat now{};
    if (::stat(path.c_str(), &now) != 0) return {};
    return {static_cast<std::int64_t>(now.st_dev),
            static_cast<std::int64_t>(now.st_ino),
            now.st_size,
            now.st_mtim.tv_sec,
            now.st_mtim.tv_nsec,
            now.st_ctim.tv_sec,
            now.st_ctim.tv_nsec};
}

std::vector<CachePeersOption::Stamp> CachePeersOption::stamps() const {
    std::vector<Stamp> all;
    for (const auto& path : paths_) all.push_back(stamp_of(path));
    return all;
}

Result<std::string> CachePeersOption::read() {
    CachePeering peering;
    read_ = seen_ = stamps();
    if (!file_.empty()) {
        MOLN_ASSIGN(const auto text, read_file(file_, k_cache_peers_file_bytes_max));
        MOLN_ASSIGN(auto understood, parse_cache_peers(text, file_));
        paths_ = {file_, beside(file_, understood.key_path)};
        if (!understood.authorities.empty()) {
            paths_.push_back(beside(file_, understood.authorities));
        }
        const auto file = read_.front();
        read_ = stamps();
        read_.front() = file;  // what it says was read after that
        seen_ = read_;
        MOLN_ASSIGN(peering, read_peering(file_, std::move(understood), seals_));
    }
    json::object line;
    line.emplace("cache_peers", to_json(peering));
    return json::serialize(line);
}

bool CachePeersOption::has_changed() {
    auto now = stamps();
    if (now != seen_) {
        seen_ = std::move(now);
        return false;
    }
    return now != read_;
}

}  // namespace moln
