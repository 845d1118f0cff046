// What was typed, as a value: the verb and everything that options and arguments said.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace moln::cli {

struct Invocation {
    std::string verb;  // "deploy", "env set"

    // Global.
    std::string data_dir = "/var/lib/moln";
    std::string socket;  // over data_dir's own
    std::string project = "default";
    std::string app;  // --app; empty: from the folder, where a verb needs one
    bool json = false;
    bool quiet = false;

    // Of some verbs; the name of the option is the name of the field.
    bool yes = false;
    bool follow = false;
    bool dry_run = false;
    bool wait = false;
    bool no_wait = false;
    bool no_tty = false;
    bool now = false;
    bool once = false;
    bool routes = false;
    bool all = false;
    bool plain_http = false;
    bool replace = false;
    std::string image;
    std::string platform;
    std::string process;
    std::string instance;
    std::string file;
    std::string cert;
    std::string key;
    std::string https;
    std::string hsts;
    std::string listen;
    std::int64_t port = 0;
    bool accept_proxy = false;
    bool keep_source = false;
    std::string send_proxy;
    std::string idle;
    std::string prefix;
    std::string tag;
    bool cache = false;
    std::string cache_ttl;
    std::string stale_while_revalidate;
    std::string stale_if_error;
    bool no_compress = false;
    std::string rate_limit;
    std::string rate_limit_route;
    std::string forward_auth;  // "auth:/check"
    std::vector<std::string> forward_auth_copy;
    std::string users;                    // a file of "name:hash" lines
    std::vector<std::string> user_lines;  // what is in it
    std::string realm;
    std::string client_ca;       // a file of authorities
    std::string client_ca_text;  // what is in it
    bool client_cert_optional = false;
    std::string canary;  // a share, "10" or "10%"
    std::string canary_header;
    std::string canary_cookie;
    std::string mirror;  // a share
    std::string page;
    std::string retry_after;
    std::vector<std::string> allow;
    bool pass = false;
    std::string pass_word;  // what was made for `pass`
    std::optional<std::string> email;
    std::string directory;
    std::string ca_file;
    bool agree_tos = false;
    bool off = false;
    bool print = false;
    bool remove = false;
    std::string to;
    std::optional<std::int64_t> lines;  // none: the API's own number
    std::string since;                  // how long ago
    std::int64_t since_ms = 0;          // the time that it was, since 1970
    std::int64_t interval_s = 2;
    std::int64_t limit = 0;  // 0: what suits a screen, or all as JSON
    std::optional<std::int64_t> generation;

    std::vector<std::string> words;  // positional arguments, in order; of `run` the command

    friend bool operator==(const Invocation&, const Invocation&) = default;
};

}  // namespace moln::cli
