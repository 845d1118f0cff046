#include "model/forward_auth.h"

#include <algorithm>
#include <array>
#include <set>
#include <string>

#include <fmt/format.h>

#include "model/validate.h"

namespace moln {
namespace {

constexpr std::array<std::string_view, 21> k_not_theirs = {"host",
                                                           "connection",
                                                           "content-length",
                                                           "transfer-encoding",
                                                           "te",
                                                           "trailer",
                                                           "upgrade",
                                                           "keep-alive",
                                                           "expect",
                                                           "proxy-connection",
                                                           "proxy-authorization",
                                                           "proxy-authenticate",
                                                           "x-forwarded-for",
                                                           "x-forwarded-proto",
                                                           "x-forwarded-host",
                                                           "x-forwarded-port",
                                                           "x-real-ip",
                                                           "forwarded",
                                                           "traceparent",
                                                           "tracestate",
                                                           "client-cert"};

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
    }
    return out;
}

// RFC 9110 5.6.2.
bool is_name(std::string_view text) {
    constexpr std::string_view k_others = "!#$%&'*+-.^_`|~";
    const auto good = [&](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               k_others.find(c) != std::string_view::npos;
    };
    return !text.empty() && text.size() <= k_field_name_length_max &&
           std::ranges::all_of(text, good);
}

}  // namespace

Status validate_forward_auth(const ForwardAuthSpec& auth) {
    if (auto valid = validate_name(auth.process); !valid) return fail_in("process", valid.error());
    if (auto valid = validate_route_path(auth.path); !valid) return fail_in("path", valid.error());
    if (auth.copy.size() > k_forward_auth_copies_max) {
        return fail(ErrorCode::invalid, fmt::format("copy: expected at most {} fields, found {}",
                                                    k_forward_auth_copies_max, auth.copy.size()));
    }
    std::set<std::string> seen;
    for (const auto& name : auth.copy) {
        const auto small = lower(name);
        const auto bad = [&](std::string_view what) {
            return fail(ErrorCode::invalid,
                        fmt::format("copy: expected {}, found \"{}\"", what, name.substr(0, 60)));
        };
        if (!is_name(name)) return bad("names of fields such as \"X-Auth-User\"");
        if (std::ranges::find(k_not_theirs, small) != k_not_theirs.end()) {
            return bad("no field of the connection, the body or the edge");
        }
        if (!seen.insert(small).second) return bad("each field once");
    }
    return {};
}

}  // namespace moln
