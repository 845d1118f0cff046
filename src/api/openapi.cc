#include "api/openapi.h"

#include <fmt/format.h>

#include "api/call.h"
#include "model/words.h"

namespace moln::api {
namespace {

json::value param_json(const Param& param) {
    json::object schema;
    switch (param.kind) {
        case ParamKind::text: schema = {{"type", "string"}}; break;
        case ParamKind::number:
            schema = {{"type", "integer"}, {"minimum", param.min}};
            if (param.max != std::numeric_limits<std::int64_t>::max()) {
                schema.emplace("maximum", param.max);
            }
            break;
        case ParamKind::flag:
            schema = {{"type", "string"}, {"enum", json::array{"0", "1", ""}}};
            break;
    }
    if (param.repeated) schema = {{"type", "array"}, {"items", schema}};
    return json::object{
        {"name", param.name}, {"in", "query"}, {"description", param.help}, {"schema", schema}};
}

json::array params_json(const Endpoint& endpoint) {
    json::array params;
    std::string_view rest = endpoint.path;
    while (true) {
        const auto open = rest.find('{');
        if (open == std::string_view::npos) break;
        const auto close = rest.find('}', open);
        params.push_back(json::object{{"name", rest.substr(open + 1, close - open - 1)},
                                      {"in", "path"},
                                      {"required", true},
                                      {"schema", {{"type", "string"}}}});
        rest.remove_prefix(close + 1);
    }
    for (const auto& param : endpoint.query) params.push_back(param_json(param));
    return params;
}

json::object content(std::string_view type, json::value schema) {
    return {{type, json::object{{"schema", std::move(schema)}}}};
}

json::value schema_or_any(const TypeInfo& type, SchemaUse use, Schemas& named) {
    return type.schema == nullptr ? json::value(json::object()) : type.schema(use, named);
}

void add_body(const Endpoint& endpoint, Schemas& named, json::object& operation) {
    if (endpoint.body.kind == BodyKind::none) return;
    const json::value raw = json::object{{"type", "string"}, {"format", "binary"}};
    json::object contents;
    if (endpoint.body.kind == BodyKind::bytes) contents = content("application/octet-stream", raw);
    if (endpoint.body.kind == BodyKind::source) contents = content("application/x-tar", raw);
    if (endpoint.body.type.schema != nullptr) {
        auto schema = endpoint.body.type.schema(SchemaUse::request, named);
        contents.emplace("application/json", json::object{{"schema", std::move(schema)}});
    }
    operation.emplace("requestBody",
                      json::object{{"description",
                                    fmt::format("At most {} bytes.", endpoint.body.size_max.count)},
                                   {"content", std::move(contents)}});
}

json::object reply_json(const Endpoint& endpoint, Schemas& named) {
    const auto& reply = endpoint.reply;
    json::object out{{"description", reply.help.empty() ? "Done." : reply.help}};
    switch (reply.kind) {
        case ReplyKind::json:
            out.emplace("content", content("application/json",
                                           schema_or_any(reply.type, SchemaUse::reply, named)));
            break;
        case ReplyKind::lines:
            out.emplace("content", content("application/x-ndjson",
                                           schema_or_any(reply.type, SchemaUse::reply, named)));
            break;
        case ReplyKind::text:
            out.emplace("content", content("text/plain", json::object{{"type", "string"}}));
            break;
        case ReplyKind::terminal: break;
    }
    return out;
}

json::object responses_json(const Endpoint& endpoint, Schemas& named) {
    json::object out;
    out.emplace(endpoint.reply.kind == ReplyKind::terminal ? "101" : "200",
                reply_json(endpoint, named));
    auto errors = endpoint.errors;
    errors.insert(errors.begin(), ErrorCode::invalid);
    for (const auto code : errors) {
        out.emplace(std::to_string(status_of(code)),
                    json::object{{"$ref", "#/components/responses/error"}});
    }
    return out;
}

std::string operation_id(const Endpoint& endpoint) {
    std::string id(enum_word(endpoint.method));
    for (const char c : endpoint.path.substr(3)) {  // after "/v1"
        if (c == '/' || c == '.') {
            id += '_';
        } else if (c != '{' && c != '}') {
            id += c;
        }
    }
    return id;
}

// ---- docs/API.md --------------------------------------------------------------------------------

std::string body_words(const Body& body) {
    const auto limit = size_words(body.size_max);
    switch (body.kind) {
        case BodyKind::none: return "";
        case BodyKind::json: return fmt::format("`{}` as JSON, at most {}", body.type.name, limit);
        case BodyKind::bytes: return fmt::format("raw bytes, at most {}", limit);
        case BodyKind::source:
            return fmt::format(
                "the source folder as `application/x-tar`, at most {}; or `{}` as JSON", limit,
                body.type.name);
    }
    return "";
}

std::string reply_words(const Reply& reply) {
    switch (reply.kind) {
        case ReplyKind::json:
            return reply.type.name.empty() ? "JSON" : fmt::format("`{}`", reply.type.name);
        case ReplyKind::lines: return "lines of JSON: " + reply.help;
        case ReplyKind::text: return "text";
        case ReplyKind::terminal: return "a WebSocket. " + reply.help;
    }
    return "";
}

std::string endpoint_markdown(const Endpoint& endpoint) {
    auto text = fmt::format("### `{} {}`\n\n{}.", method_word(endpoint.method), endpoint.path,
                            endpoint.summary);
    if (!endpoint.cli.empty()) text += fmt::format(" CLI: `moln {}`.", endpoint.cli);
    text += "\n\n";
    if (!endpoint.query.empty()) {
        text += "| query | | |\n| --- | --- | --- |\n";
        for (const auto& param : endpoint.query) {
            text +=
                fmt::format("| `{}` | {} | {} |\n", param.name, enum_word(param.kind), param.help);
        }
        text += "\n";
    }
    const auto body = body_words(endpoint.body);
    if (!body.empty()) text += fmt::format("- Body: {}.\n", body);
    text += fmt::format("- Answers {}\n", reply_words(endpoint.reply));
    if (!endpoint.errors.empty()) {
        text += "- Errors:";
        for (const auto code : endpoint.errors) {
            text += fmt::format(" {} (`{}`)", status_of(code), word(code));
        }
        text += "\n";
    }
    return text + "\n";
}

std::string type_words(const json::value& schema) {
    const auto& object = schema.as_object();
    const auto* reference = object.if_contains("$ref");
    if (reference != nullptr) {
        const std::string path(reference->as_string());
        const auto name = path.substr(path.rfind('/') + 1);
        return fmt::format("[{}](#{})", name, name);
    }
    if (const auto* either = object.if_contains("anyOf")) {
        return type_words(either->as_array().front()) + " or null";
    }
    if (const auto* words = object.if_contains("enum")) {
        std::string text;
        for (const auto& item : words->as_array()) {
            if (!text.empty()) text += ", ";
            text += fmt::format("`{}`", std::string_view(item.as_string()));
        }
        return text;
    }
    if (const auto* items = object.if_contains("items")) return "list of " + type_words(*items);
    if (const auto* values = object.if_contains("additionalProperties")) {
        if (values->is_object()) return "object of " + type_words(*values);
    }
    if (const auto* unit = object.if_contains("description")) return std::string(unit->as_string());
    const auto* type = object.if_contains("type");
    return type == nullptr ? "any" : std::string(type->as_string());
}

std::string schemas_markdown(const Schemas& named) {
    std::string text = "## Shapes\n\n";
    for (const auto& [name, schema] : named) {
        text += fmt::format("### {}\n\n| field | |\n| --- | --- |\n", name);
        for (const auto& [field, type] : schema.at("properties").as_object()) {
            text += fmt::format("| `{}` | {} |\n", std::string_view(field), type_words(type));
        }
        text += "\n";
    }
    return text;
}

Schemas all_schemas() {
    Schemas named;
    for (const auto& resource : resources()) {
        for (const auto& endpoint : resource.endpoints) {
            if (endpoint.body.type.schema) endpoint.body.type.schema(SchemaUse::request, named);
            if (endpoint.reply.type.schema) endpoint.reply.type.schema(SchemaUse::reply, named);
        }
    }
    return named;
}

constexpr const char* k_preamble = R"(# The HTTP API

Generated from the table in `src/api`; `GET /v1/openapi.json` gives it as an OpenAPI 3.1 document.

The daemon listens on the unix socket `DATA/run/api.sock`, for root and its own user only. With
`moln up --api 127.0.0.1:PORT` it also listens on loopback, where every request carries
`Authorization: Bearer TOKEN` with the token in `DATA/api.token`. Other addresses are refused: they
need TLS.

    curl --unix-socket /var/lib/moln/run/api.sock http://moln/v1/status

- Bodies and answers are JSON in UTF-8. Unknown fields and query parameters are refused, and the
  message names them. Times are milliseconds since 1970 UTC, durations milliseconds, sizes bytes.
- Answers may gain fields; a field never changes its meaning.
- An error is `{"error": {"code": "not_found", "reason": "…"}}` with an HTTP status of the table
  below. A stream that has begun ends with such a line; one without its last chunk was cut.
- `If-Match: GENERATION` makes a change conditional on the app's generation: 412 if it moved on.
- `Idempotency-Key: KEY` makes a repeat within a day return the first reply and change nothing.

| code | status | means |
| --- | --- | --- |
| `invalid` | 400 | the request is wrong; also 405, 413, 415, 426, 431 |
| `denied` | 403 | the caller may not; 401 without a token |
| `not_found` | 404 | no such thing |
| `exists` | 409 | there is one of that name already |
| `conflict` | 409, 412 | it was changed meanwhile: read again |
| `refused` | 422 | a limit or the state forbids it |
| `internal`, `corrupt` | 500 | a fault of the daemon or its disk |
| `unavailable` | 503 | not now; repeat later |
| `timeout` | 504 | no answer in time; the effect is unknown |
| `full` | 507 | no space left |

)";

}  // namespace

json::value openapi_document(const std::string& version) {
    Schemas named;
    json::object paths;
    for (const auto& resource : resources()) {
        for (const auto& endpoint : resource.endpoints) {
            json::object operation{{"operationId", operation_id(endpoint)},
                                   {"summary", endpoint.summary},
                                   {"tags", json::array{json::string(resource.name)}},
                                   {"parameters", params_json(endpoint)}};
            if (!endpoint.cli.empty()) operation.emplace("x-cli", "moln " + endpoint.cli);
            add_body(endpoint, named, operation);
            operation.emplace("responses", responses_json(endpoint, named));
            auto& path = paths[endpoint.path];
            if (path.is_null()) path = json::object();
            path.as_object().emplace(enum_word(endpoint.method), std::move(operation));
        }
    }
    json::object error_schema{{"type", "object"}, {"required", json::array{"error"}}};
    error_schema.emplace("properties",
                         json::object{{"error", schema_of<ErrorBody>(SchemaUse::reply, named)}});
    json::object schemas;
    for (auto& [name, schema] : named) schemas.emplace(name, std::move(schema));
    json::array tags;
    for (const auto& resource : resources()) {
        tags.push_back(json::object{{"name", resource.name}, {"description", resource.about}});
    }
    return json::object{
        {"openapi", "3.1.0"},
        {"info", json::object{{"title", "Moln"}, {"version", version}}},
        {"tags", std::move(tags)},
        {"paths", std::move(paths)},
        {"components",
         json::object{
             {"schemas", std::move(schemas)},
             {"responses",
              json::object{{"error", json::object{{"description", "What is wrong."},
                                                  {"content", content("application/json",
                                                                      error_schema)}}}}}}}};
}

std::string api_markdown() {
    std::string text = k_preamble;
    for (const auto& resource : resources()) {
        text += fmt::format("## {}\n\n{}\n\n", resource.name, resource.about);
        for (const auto& endpoint : resource.endpoints) text += endpoint_markdown(endpoint);
    }
    text += schemas_markdown(all_schemas());
    while (text.ends_with("\n\n")) text.pop_back();
    return text;
}

}  // namespace moln::api
