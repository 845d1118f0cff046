// The reading half of build_settings.h: files and the environment of this machine.
#include <algorithm>
#include <array>
#include <cstdlib>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drivers/image/build_settings.h"
#include "io/file/files.h"

namespace moln {
namespace {

// npm's own place depends on where npm was installed to.
constexpr std::array k_npmrc_files{"/etc/npmrc", "/usr/etc/npmrc", "/usr/local/etc/npmrc"};
constexpr std::array k_pip_files{"/etc/pip.conf", "/etc/xdg/pip/pip.conf"};
constexpr const char* k_host_certificates = "/etc/ssl/certs/ca-certificates.crt";
constexpr std::array k_certificate_sources{"SSL_CERT_FILE",      "NODE_EXTRA_CA_CERTS",
                                           "npm_config_cafile",  "NPM_CONFIG_CAFILE",
                                           "REQUESTS_CA_BUNDLE", "PIP_CERT"};

// What is kept from other users of the machine is kept from builds, which are anybody's code.
std::string public_text(const std::string& path) {
    struct stat info{};
    if (stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode) || (info.st_mode & S_IROTH) == 0) {
        return "";
    }
    return read_file(path).value_or("");
}

// The path in a line "cafile = /path".
std::string cafile_of(std::string_view npmrc) {
    for (std::size_t at = 0; at < npmrc.size();) {
        const auto end = std::min(npmrc.find('\n', at), npmrc.size());
        const auto line = npmrc.substr(at, end - at);
        at = end + 1;
        const auto path = line.find('/');
        if (!line.starts_with("cafile") || path == std::string_view::npos) continue;
        return std::string(line.substr(path, line.find_last_not_of(" \t\r\"'") + 1 - path));
    }
    return "";
}

std::string certificates(const HostSettings& host) {
    auto all = public_text(k_host_certificates);
    std::vector<std::string> paths;
    for (const auto* name : k_certificate_sources) {
        for (const auto* map : {&host.environment, &host.own}) {
            if (const auto found = map->find(name); found != map->end()) {
                paths.push_back(found->second);
            }
        }
    }
    paths.push_back(cafile_of(host.npmrc));
    for (const auto& path : paths) {
        if (path.empty()) continue;
        const auto more = public_text(path);
        if (all.find(more) != std::string::npos) continue;
        if (!all.empty() && !all.ends_with('\n')) all += '\n';
        all += more;
    }
    return all;
}

std::map<std::string, std::string> own_environment() {
    std::map<std::string, std::string> out;
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
        const std::string_view text = *entry;
        const auto equals = text.find('=');
        if (equals != std::string_view::npos)
            out.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
    return out;
}

}  // namespace

Result<HostSettings> read_host_settings(const std::string& file) {
    HostSettings out{.environment = own_environment()};
    if (!file.empty() && path_exists(file)) {
        MOLN_ASSIGN(const auto text, read_file(file));
        MOLN_ASSIGN(out.own, parse_settings(text, file));
    }
    for (const auto* path : k_npmrc_files) {
        const auto text = public_text(path);
        if (text.empty()) continue;
        out.npmrc += text;
        if (!out.npmrc.ends_with('\n')) out.npmrc += '\n';
    }
    for (const auto* path : k_pip_files) {
        if (out.pip_conf.empty()) out.pip_conf = public_text(path);
    }
    out.certificates = certificates(out);
    return out;
}

std::vector<std::string> fetch_environment() {
    std::vector<std::string> out;
    for (const auto* name :
         {"http_proxy", "https_proxy", "no_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY",
          "NO_PROXY", "ALL_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"}) {
        if (const char* value = std::getenv(name)) out.push_back(fmt::format("{}={}", name, value));
    }
    return out;
}

}  // namespace moln
