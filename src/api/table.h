// The table of the API: one row an operation. Routing, validation, the OpenAPI document and
// docs/API.md all come from it, so that none can say what another does not.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/schema.h"
#include "base/units.h"
#include "model/limits.h"

namespace moln::api {

class Call;

enum class Method { get, put, post, patch, delete_ };
BOOST_DESCRIBE_ENUM(Method, get, put, post, patch, delete_)
std::string method_word(Method method);  // "GET"

enum class ParamKind { text, number, flag };
BOOST_DESCRIBE_ENUM(ParamKind, text, number, flag)

struct Param {
    std::string name;
    ParamKind kind = ParamKind::text;
    std::string help;
    std::int64_t min = 0;  // of a number
    std::int64_t max = std::numeric_limits<std::int64_t>::max();
    bool repeated = false;
};

enum class BodyKind {
    none,
    json,
    bytes,   // raw, in memory
    source,  // a tar file spooled to disk, or JSON
};

struct Body {
    BodyKind kind = BodyKind::none;
    TypeInfo type;  // of the JSON
    Bytes size_max;
};

enum class ReplyKind {
    json,
    lines,  // newline-delimited JSON
    text,
    terminal,  // WebSocket
};

struct Reply {
    ReplyKind kind = ReplyKind::json;
    TypeInfo type;     // of the JSON, of a line, or of the last line's "result"
    std::string help;  // lines and terminal: what comes when
};

struct Endpoint {
    Method method = Method::get;
    std::string path;  // "/v1/apps/{app}"
    std::string summary;
    std::string cli;  // the verb that does this
    std::vector<Param> query;
    Body body;
    Reply reply;
    std::vector<ErrorCode> errors;  // beside invalid, which every operation may answer
    void (*handle)(std::shared_ptr<Call>) = nullptr;
    bool of_the_gone = false;  // filters by an app that may be gone, of which something is left
};

struct Resource {
    std::string name;
    std::string about;  // one paragraph for the docs
    std::vector<Endpoint> endpoints;
};

// All of it, in the order of the docs. Made once.
const std::vector<Resource>& resources();

struct Match {
    const Endpoint* endpoint = nullptr;
    std::map<std::string, std::string> path;
};

// not_found if no row has the path; with a path but not this method, `allow` of the answer is
// filled with the methods that it has.
struct NoMatch {
    std::string allow;  // "GET, DELETE"; "" for an unknown path
};
std::expected<Match, NoMatch> match(std::string_view method, std::string_view path);

// ---- for the rows -----------------------------------------------------------------------------

inline constexpr Bytes k_json_body_max = mib(1);

template <typename T>
Body json_body() {
    return {BodyKind::json, type_info<T>(), k_json_body_max};
}
template <typename T>
Reply json_reply() {
    return {ReplyKind::json, type_info<T>(), ""};
}

Param project_param();
Param app_filter_param();
Param wait_param();

std::vector<Endpoint> node_endpoints();
std::vector<Endpoint> app_endpoints();
std::vector<Endpoint> deploy_endpoints();
std::vector<Endpoint> config_endpoints();
std::vector<Endpoint> instance_endpoints();
std::vector<Endpoint> stream_endpoints();
std::vector<Endpoint> data_endpoints();
std::vector<Endpoint> cache_endpoints();
std::vector<Endpoint> edge_endpoints();
std::vector<Endpoint> traffic_endpoints();
std::vector<Endpoint> certificate_endpoints();

}  // namespace moln::api
