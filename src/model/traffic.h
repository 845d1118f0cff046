// How requests are let in and which instance they are led to: rate limits, passwords, balancing,
// a canary, a maintenance page. Values, their words and what is wrong with them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "model/codec.h"

namespace moln {

inline constexpr std::int64_t k_rate_requests_max = 1'000'000;  // and of a burst
inline constexpr Milliseconds k_rate_window_max = days(1);
inline constexpr std::size_t k_auth_users_max = 100;        // of one route
inline constexpr std::size_t k_auth_user_bytes_max = 512;   // name and hash
inline constexpr std::size_t k_auth_realm_bytes_max = 100;  // printable ASCII
inline constexpr std::size_t k_field_name_length_max = 100;
inline constexpr std::size_t k_field_value_length_max = 200;
inline constexpr Milliseconds k_slow_start_max = minutes(60);
inline constexpr std::size_t k_maintenance_page_bytes_max = 48 * 1024;
inline constexpr std::int64_t k_retry_after_s_max = 7LL * 24 * 3600;
inline constexpr std::size_t k_client_ca_bytes_max = 64 * 1024;  // PEM of all authorities
inline constexpr std::size_t k_forward_auth_copies_max = 20;     // names of fields
inline constexpr std::size_t k_maintenance_allow_max = 100;      // networks

// So many requests in each window on average; `burst` of them may come at once.
struct RateLimit {
    std::int64_t requests = 0;
    Milliseconds window = seconds(1);
    std::int64_t burst = 0;  // 0: as many as `requests`
    friend bool operator==(const RateLimit&, const RateLimit&) = default;
};
BOOST_DESCRIBE_STRUCT(RateLimit, (), (requests, window, burst))

// "20/s", "600/m", "5/10s", "20/s burst 100".
Result<RateLimit> parse_rate(std::string_view text);
std::string format_rate(const RateLimit& rate);

// Counted by each edge for itself; what is over gets 429 and is told when to come again.
struct RateSpec {
    std::optional<RateLimit> client;  // of one client's address; of IPv6, of its /64
    std::optional<RateLimit> route;   // of all clients together
    friend bool operator==(const RateSpec&, const RateSpec&) = default;
};
BOOST_DESCRIBE_STRUCT(RateSpec, (), (client, route))

// Basic authentication (RFC 7617). The app learns the name in X-Forwarded-User.
struct AuthSpec {
    std::vector<std::string> users;  // "name:hash" with a hash of crypt(5): $y$, $2b$, $6$, …
    std::string realm = "restricted";
    friend bool operator==(const AuthSpec&, const AuthSpec&) = default;
};
BOOST_DESCRIBE_STRUCT(AuthSpec, (), (users, realm))

// "alice" of "alice:$y$…".
std::string_view user_name(std::string_view user);

// Who asks shows a certificate of one of these authorities in the handshake. The app learns which
// in Client-Cert (RFC 9440), which no client can set.
enum class ClientCertNeed {
    required,  // without a valid one: 403
    optional,  // without one the request goes on, and has no Client-Cert
};
BOOST_DESCRIBE_ENUM(ClientCertNeed, required, optional)

struct ClientCertSpec {
    std::string ca;  // PEM, one or more certificates
    ClientCertNeed need = ClientCertNeed::required;
    friend bool operator==(const ClientCertSpec&, const ClientCertSpec&) = default;
};
BOOST_DESCRIBE_STRUCT(ClientCertSpec, (), (ca, need))

// A process of the app is asked first: 2xx lets the request in, with the fields of `copy` taken
// from that answer; any other answer is the client's.
struct ForwardAuthSpec {
    std::string process = "web";
    std::string path;               // that is asked: "/auth"
    std::vector<std::string> copy;  // "X-Auth-User"; a client's own are dropped
    friend bool operator==(const ForwardAuthSpec&, const ForwardAuthSpec&) = default;
};
BOOST_DESCRIBE_STRUCT(ForwardAuthSpec, (), (process, path, copy))

// Which requests are sent once more to another instance when one fails without an answer.
enum class RetryMode {
    idempotent,  // those whose method says that it does no harm (RFC 9110, 9.2.2)
    all,         // the app says that none does
    none,        // only those that no instance has seen
};
BOOST_DESCRIBE_ENUM(RetryMode, idempotent, all, none)

// By what an instance is chosen for a request.
enum class BalanceBy {
    least,   // the one with the fewest open requests
    client,  // always the same for an address, while it serves
    path,    // always the same for a path
    header,  // always the same for a value of that field; without one as `least`
    cookie,  // the same for a value of that cookie
};
BOOST_DESCRIBE_ENUM(BalanceBy, least, client, path, header, cookie)

struct BalanceSpec {
    BalanceBy by = BalanceBy::least;
    std::string name;  // of the header or cookie
    friend bool operator==(const BalanceSpec&, const BalanceSpec&) = default;
};
BOOST_DESCRIBE_STRUCT(BalanceSpec, (), (by, name))

// "least", "client", "path", "header:X-Tenant", "cookie:sid".
Result<BalanceSpec> parse_balance(std::string_view text);
std::string format_balance(const BalanceSpec& balance);

// A release that runs beside the one that serves and gets some of the requests, until it is
// promoted or rolled back. A request is the canary's when any of the three says so.
struct CanarySpec {
    std::int64_t share = 0;  // per cent of the clients, by address: one stays where it is
    std::string header;      // "X-Canary", "X-Canary: yes"; any value without one
    std::string cookie;      // "canary", "canary=yes"
    // Per cent of the other requests that it gets a copy of; what it answers to those is dropped.
    std::int64_t mirror = 0;
    friend bool operator==(const CanarySpec&, const CanarySpec&) = default;
};
BOOST_DESCRIBE_STRUCT(CanarySpec, (), (share, header, cookie, mirror))

// "X-Canary: yes" or "canary=yes", taken apart; without a value any will do.
struct NamedValue {
    std::string_view name;
    std::optional<std::string_view> value;
};
NamedValue split_header_rule(std::string_view rule);
NamedValue split_cookie_rule(std::string_view rule);

// While it is on, the edge answers 503 with this page instead of the app. Instances run on.
struct MaintenanceSpec {
    std::string page;  // HTML; "": a plain one
    std::int64_t retry_after_s = 60;
    // Who still reaches the app: clients of these networks ("10.0.0.0/8", "2001:db8::/32"), and
    // those whose cookie moln-maintenance has this value; "": none.
    std::vector<std::string> allow;
    std::string pass;
    friend bool operator==(const MaintenanceSpec&, const MaintenanceSpec&) = default;
};
BOOST_DESCRIBE_STRUCT(MaintenanceSpec, (), (page, retry_after_s, allow, pass))

// ---- what is wrong: "expected …, found …", without naming the field --------------------------

Status validate_rate(const RateSpec& rate);
Status validate_auth(const AuthSpec& auth);
Status validate_balance(const BalanceSpec& balance);
Status validate_canary(const CanarySpec& canary);
Status validate_maintenance(const MaintenanceSpec& maintenance);

}  // namespace moln
