#include "model/certificate.h"

#include <algorithm>
#include <array>
#include <tuple>

namespace moln {
namespace {

constexpr std::array<std::string_view, 5> k_local_suffixes = {"localhost", "local", "test",
                                                              "internal", "home.arpa"};

bool is_below(std::string_view host, std::string_view suffix) {
    return host.size() > suffix.size() && host.ends_with(suffix) &&
           host[host.size() - suffix.size() - 1] == '.';
}

// "*.example.org" for "shop.example.org"; "" for a name of one label.
std::string star_of(std::string_view host) {
    const auto dot = host.find('.');
    return dot == std::string_view::npos ? "" : "*" + std::string(host.substr(dot));
}

// What a person brought is what they want shown; the local one is for want of another.
int rank_of(CertificateSource source) {
    switch (source) {
        case CertificateSource::local: return 0;
        case CertificateSource::acme: return 1;
        case CertificateSource::file: break;
    }
    return 2;
}

bool is_better(const Certificate& a, const Certificate& b, WallTime now) {
    // What a person brings is to be served from then on: it may end sooner than one of their own
    // making, of ten years, of before.
    const auto brought = [](const Certificate& c) {
        return c.source == CertificateSource::file ? c.created : WallTime{};
    };
    const auto rank = [&](const Certificate& c) {
        return std::tuple(is_valid(c, now), rank_of(c.source), brought(c), c.not_after, c.id);
    };
    return rank(a) > rank(b);
}

}  // namespace

bool is_local_host(std::string_view host) {
    if (host.starts_with("*")) {
        return host.starts_with("*.") && std::ranges::count(host, '.') >= 2 &&
               is_local_host(host.substr(2));
    }
    if (host.empty()) return false;
    return host.find('.') == std::string_view::npos ||
           std::ranges::any_of(k_local_suffixes,
                               [&](std::string_view suffix) { return is_below(host, suffix); });
}

bool name_covers(std::string_view name, std::string_view host) {
    if (name == host) return true;
    if (!name.starts_with("*.") || host.starts_with("*")) return false;
    const auto dot = host.find('.');
    return dot != std::string_view::npos && dot > 0 && host.substr(dot) == name.substr(1);
}

bool is_valid(const Certificate& certificate, WallTime now) {
    return certificate.not_before <= now && now < certificate.not_after;
}

const EdgeCertificate* serving_certificate(const EdgeSnapshot& edge, std::string_view host) {
    const auto bearer = [&](std::string_view name) -> const EdgeCertificate* {
        const auto found = std::ranges::find_if(edge.certificates, [&](const auto& one) {
            return std::ranges::find(one.hosts, name) != one.hosts.end();
        });
        return found == edge.certificates.end() ? nullptr : &*found;
    };
    const auto* own = bearer(host);
    return own != nullptr || host.starts_with("*") ? own : bearer(star_of(host));
}

WallTime renewal_time(const Certificate& certificate) {
    const auto life_ms = (certificate.not_after - certificate.not_before).count;
    return {certificate.not_after.ms - life_ms / 3};
}

CertificateIndex::CertificateIndex(const std::map<CertificateId, Certificate>& all, WallTime now)
    : now_(now) {
    for (const auto& [id, certificate] : all) {
        for (const auto& host : certificate.hosts) {
            auto& best = names_[host];
            if (best == nullptr || is_better(certificate, *best, now)) best = &certificate;
        }
    }
}

const Certificate* CertificateIndex::bearer(std::string_view name) const {
    const auto found = names_.find(name);
    return found == names_.end() ? nullptr : found->second;
}

bool CertificateIndex::is_best(const Certificate& certificate) const {
    return std::ranges::any_of(
        certificate.hosts, [&](const std::string& host) { return bearer(host) == &certificate; });
}

const Certificate* CertificateIndex::find(std::string_view host) const {
    const auto* own = bearer(host);
    if (host.starts_with("*")) return own;
    const auto* star = bearer(star_of(host));
    if (own == nullptr || star == nullptr) return own == nullptr ? star : own;
    const auto rank = [this](const Certificate& c) {
        return std::tuple(is_valid(c, now_), rank_of(c.source));
    };
    return rank(*star) > rank(*own) ? star : own;
}

}  // namespace moln
