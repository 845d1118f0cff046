#include "drivers/image/build_settings.h"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>

namespace moln {
namespace {

// Shorter texts would blot out words of the output that are no secrets.
constexpr std::size_t k_secret_bytes_min = 6;

constexpr std::array k_proxies{"http_proxy", "https_proxy", "no_proxy", "all_proxy"};
// In lower case; what npm has for one scope or registry begins with '@'.
constexpr std::array k_inherited{
    "npm_config_registry",
    "npm_config_strict_ssl",
    "npm_config_proxy",
    "npm_config_https_proxy",
    "npm_config_noproxy",
    "pip_index_url",
    "pip_extra_index_url",
    "pip_trusted_host",
    "pip_proxy",
    "pip_default_timeout",
    "goproxy",
    "goprivate",
    "gonoproxy",
    "gonosumdb",
    "gosumdb",
};
constexpr std::array k_inherited_prefixes{"npm_config_@", "bundle_mirror__"};
// Variables by which tools are told of a file of certificates.
constexpr std::array k_certificate_names{"SSL_CERT_FILE",  "NODE_EXTRA_CA_CERTS",
                                         "PIP_CERT",       "REQUESTS_CA_BUNDLE",
                                         "CURL_CA_BUNDLE", "GIT_SSL_CAINFO"};
constexpr std::array k_secret_words{"token", "secret", "passw", "auth", "key", "credential"};

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return out;
}

std::string_view trimmed(std::string_view text) {
    const auto begin = text.find_first_not_of(" \t\r");
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

std::string_view unquoted(std::string_view text) {
    if (text.size() >= 2 && (text.front() == '"' || text.front() == '\'') &&
        text.back() == text.front()) {
        return text.substr(1, text.size() - 2);
    }
    return text;
}

template <typename F>
void each_line(std::string_view text, F use) {
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        use(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
}

bool is_proxy(std::string_view name) {
    return std::ranges::find(k_proxies, lower(name)) != k_proxies.end();
}

bool is_inherited(std::string_view name) {
    const auto plain = lower(name);
    const auto begins = [&](const char* prefix) { return plain.starts_with(prefix); };
    return is_proxy(name) || std::ranges::find(k_inherited, plain) != k_inherited.end() ||
           std::ranges::any_of(k_inherited_prefixes, begins);
}

bool names_a_secret(std::string_view name) {
    const auto plain = lower(name);
    return std::ranges::any_of(
        k_secret_words, [&](const char* word) { return plain.find(word) != std::string::npos; });
}

// "https://user:password@host/": the password, and a user without one, which is a token.
std::string_view secret_of_url(std::string_view text) {
    const auto scheme = text.find("://");
    if (scheme == std::string_view::npos) return {};
    auto rest = text.substr(scheme + 3);
    rest = rest.substr(0, rest.find_first_of("/ \t"));
    const auto at = rest.rfind('@');
    if (at == std::string_view::npos) return {};
    const auto user = rest.substr(0, at);
    const auto colon = user.find(':');
    return colon == std::string_view::npos ? user : user.substr(colon + 1);
}

class Secrets {
public:
    void add(std::string_view value) {
        if (value.size() >= k_secret_bytes_min) found_.emplace(value);
    }
    void add_setting(std::string_view name, std::string_view value) {
        // "${NPM_TOKEN}" is where a secret comes from, not one.
        if (names_a_secret(name) && !value.starts_with("${")) add(value);
        add(secret_of_url(value));
    }
    // Longest first: one may be a part of another.
    std::vector<std::string> take() const {
        std::vector<std::string> out(found_.begin(), found_.end());
        std::ranges::sort(out, [](const std::string& a, const std::string& b) {
            return a.size() != b.size() ? a.size() > b.size() : a < b;
        });
        return out;
    }

private:
    std::set<std::string> found_;
};

// Without what names files of the host: those certificates are in our own file.
std::string usable_npmrc(std::string_view text, Secrets& secrets) {
    std::string out;
    each_line(text, [&](std::string_view line) {
        const auto equals = line.find('=');
        const auto name = trimmed(line.substr(0, equals));
        if (name == "cafile" || name == "prefix" || name == "cache" || name == "userconfig") return;
        if (equals != std::string_view::npos) {
            secrets.add_setting(name, unquoted(trimmed(line.substr(equals + 1))));
        }
        out += line;
        out += '\n';
    });
    return out;
}

bool is_loopback_url(std::string_view text) {
    const auto scheme = text.find("://");
    auto host = scheme == std::string_view::npos ? text : text.substr(scheme + 3);
    const auto at = host.substr(0, host.find('/')).rfind('@');
    if (at != std::string_view::npos) host.remove_prefix(at + 1);
    return host.starts_with("127.") || host.starts_with("localhost") || host.starts_with("[::1]");
}

}  // namespace

BuildSettings build_settings(const HostSettings& host) {
    BuildSettings out;
    Secrets secrets;
    for (const auto& [name, value] : host.environment) {
        if (is_inherited(name) && !value.empty()) out.env[name] = value;
    }
    if (!host.certificates.empty()) {
        out.files["ca.crt"] = host.certificates;
        for (const auto* name : k_certificate_names) {
            out.env[name] = fmt::format("{}/ca.crt", k_settings_inside);
        }
    }
    auto npmrc = usable_npmrc(host.npmrc, secrets);
    // In the file, below what an app's own .npmrc says, and above what npm was packaged with.
    if (!host.certificates.empty()) npmrc += fmt::format("cafile={}/ca.crt\n", k_settings_inside);
    if (!npmrc.empty()) {
        out.files["npmrc"] = std::move(npmrc);
        out.env["NPM_CONFIG_GLOBALCONFIG"] = fmt::format("{}/npmrc", k_settings_inside);
    }
    if (!host.pip_conf.empty()) {
        out.files["pip.conf"] = host.pip_conf;
        out.env["PIP_CONFIG_FILE"] = fmt::format("{}/pip.conf", k_settings_inside);
        each_line(host.pip_conf,
                  [&](std::string_view line) { secrets.add(secret_of_url(trimmed(line))); });
    }
    for (const auto& [name, value] : host.own) {
        const bool names_certificates =
            std::ranges::find(k_certificate_names, name) != k_certificate_names.end();
        if (!names_certificates) out.env[name] = value;
    }
    for (const auto& [name, value] : out.env) {
        secrets.add_setting(name, value);
        if (lower(name).ends_with("proxy") && !lower(name).starts_with("no") &&
            is_loopback_url(value)) {
            out.warnings.push_back(
                fmt::format("{} leads to this machine's loopback, which builds do not reach: name "
                            "a proxy by another address",
                            name));
        }
    }
    out.secrets = secrets.take();
    return out;
}

Result<std::map<std::string, std::string>> parse_settings(std::string_view text,
                                                          std::string_view file) {
    std::map<std::string, std::string> out;
    int number = 0;
    std::string wrong;
    each_line(text, [&](std::string_view whole) {
        ++number;
        const auto line = trimmed(whole);
        if (line.empty() || line.front() == '#' || line.front() == ';') return;
        const auto equals = line.find('=');
        const auto name = trimmed(line.substr(0, equals));
        if (equals == std::string_view::npos || name.empty() ||
            name.find_first_of(" \t") != std::string_view::npos) {
            // Not the line itself: it may be a secret.
            if (wrong.empty()) wrong = fmt::format("{}:{}: expected NAME=VALUE", file, number);
            return;
        }
        out[std::string(name)] = unquoted(trimmed(line.substr(equals + 1)));
    });
    if (!wrong.empty()) return fail(ErrorCode::invalid, wrong);
    return out;
}

std::string without_secrets(std::string text, const std::vector<std::string>& secrets) {
    for (const auto& secret : secrets) {
        for (auto at = text.find(secret); at != std::string::npos; at = text.find(secret, at)) {
            text.replace(at, secret.size(), "***");
            at += 3;
        }
    }
    return text;
}

}  // namespace moln
