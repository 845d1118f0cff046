#include "api/service.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "api/query.h"
#include "model/validate.h"
#include "model/words.h"

namespace moln::api {
namespace {

std::unexpected<ApiAnswer> refuse(int status, ErrorCode code, std::string reason) {
    return std::unexpected(error_answer(status, Error{code, std::move(reason)}));
}

std::string header(const ApiHead& head, const std::string& name) {
    const auto found = head.headers.find(name);
    return found == head.headers.end() ? "" : found->second;
}

bool is_json_type(std::string_view content_type) {
    return content_type.substr(0, content_type.find(';')) == "application/json";
}

Status check_param(const Param& param, const std::vector<std::string>& values) {
    const auto bad = [&](std::string_view expected) {
        return fail(ErrorCode::invalid,
                    fmt::format("query parameter {}: expected {}", param.name, expected));
    };
    if (values.size() > 1 && !param.repeated) return bad("it once");
    const auto& value = values.front();
    if (param.kind == ParamKind::flag && value != "0" && value != "1" && !value.empty()) {
        return bad("1 or 0");
    }
    if (param.kind != ParamKind::number) return {};
    std::int64_t number = 0;
    const auto parsed = std::from_chars(value.data(), value.data() + value.size(), number);
    if (parsed.ec != std::errc() || parsed.ptr != value.data() + value.size() ||
        number < param.min || number > param.max) {
        return bad(fmt::format("a whole number from {} to {}", param.min, param.max));
    }
    return {};
}

Status check_query(const Endpoint& endpoint, const Target& target) {
    for (const auto& [name, values] : target.query) {
        const auto param = std::ranges::find(endpoint.query, name, &Param::name);
        if (param == endpoint.query.end()) {
            return fail(ErrorCode::invalid,
                        fmt::format("query parameter {}: {} {} knows none of that name", name,
                                    method_word(endpoint.method), endpoint.path));
        }
        MOLN_TRY(check_param(*param, values));
    }
    return {};
}

Status read_conditions(Call& call) {
    auto if_match = header(call.request.head, "if-match");
    if (!if_match.empty() && if_match != "*") {
        call.if_match = true;
        if (if_match.size() >= 2 && if_match.front() == '"' && if_match.back() == '"') {
            if_match = if_match.substr(1, if_match.size() - 2);
        }
        std::int64_t generation = 0;
        const auto* end = if_match.data() + if_match.size();
        const auto parsed = std::from_chars(if_match.data(), end, generation);
        if (parsed.ec != std::errc() || parsed.ptr != end || generation < 0) {
            return fail(ErrorCode::invalid,
                        "header If-Match: expected the app's generation, a whole number");
        }
        call.expected.generation = generation;
    }
    call.idempotency_key = header(call.request.head, "idempotency-key");
    const bool printable =
        std::ranges::all_of(call.idempotency_key, [](char c) { return c > ' ' && c < 0x7f; });
    if (!printable || call.idempotency_key.size() > k_idempotency_key_length_max) {
        return fail(ErrorCode::invalid,
                    fmt::format("header Idempotency-Key: expected at most {} visible characters",
                                k_idempotency_key_length_max));
    }
    return {};
}

// Names of apps and projects, so that no handler meets one that cannot be.
Status check_names(const Match& found, const Target& target) {
    if (const auto app = found.path.find("app"); app != found.path.end()) {
        const auto name = percent_decode(app->second).value_or("");
        if (auto status = validate_name(name); !status) return fail_in("app", status.error());
    }
    for (const auto* name : {"app", "project"}) {
        const auto given = target.query.find(name);
        if (given == target.query.end()) continue;
        if (auto status = validate_name(given->second.front()); !status) {
            return fail_in(fmt::format("query parameter {}", name), status.error());
        }
    }
    return {};
}

class Service final : public ApiService {
public:
    Service(Control& control, Loop& loop, ServiceInfo info)
        : context_(std::make_shared<ServiceContext>(control, loop, std::move(info))) {}

    ~Service() override {
        // A stream that ends removes itself from the set.
        std::exchange(context_->streams, {}).clear();
        std::exchange(context_->released, {}).clear();
    }
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;

    std::expected<ApiBodyPlan, ApiAnswer> take_body(const ApiHead& head) override {
        const auto target = parse_target(head.target);
        if (!target) return refuse(400, ErrorCode::invalid, "request target: not a path and query");
        const auto found = match(head.method, target->path);
        if (!found) return no_match(head, *target, found.error());
        const auto& endpoint = *found->endpoint;
        const bool terminal = endpoint.reply.kind == ReplyKind::terminal;
        if (terminal != head.websocket) {
            return refuse(terminal ? 426 : 400, ErrorCode::invalid,
                          terminal ? "expected a WebSocket handshake"
                                   : "this is no WebSocket: expected a plain request");
        }
        // Before the body: nobody sends gigabytes to learn of a misspelt name.
        auto checked = check_query(endpoint, *target);
        if (checked) checked = check_names(*found, *target);
        if (!checked) return refuse(400, checked.error().code, checked.error().reason);
        const auto type = header(head, "content-type");
        switch (endpoint.body.kind) {
            case BodyKind::none: return ApiBodyPlan{Bytes{}, ""};
            case BodyKind::bytes: return ApiBodyPlan{endpoint.body.size_max, ""};
            case BodyKind::json:
                if (!type.empty() && !is_json_type(type)) {
                    return refuse(415, ErrorCode::invalid,
                                  "header Content-Type: expected application/json");
                }
                return ApiBodyPlan{endpoint.body.size_max, ""};
            case BodyKind::source: return take_source(type, endpoint);
        }
        return refuse(500, ErrorCode::internal, "a body of an unknown kind");
    }

    void handle(ApiRequest request, std::shared_ptr<ApiExchange> exchange) override {
        const auto target = parse_target(request.head.target);
        const auto found =
            target ? match(request.head.method, target->path) : std::unexpected(NoMatch{});
        if (!found) {
            return exchange->answer(
                error_answer(404, Error{ErrorCode::not_found, "no such operation"}));
        }
        const auto call = std::make_shared<Call>(context_, *found->endpoint, std::move(exchange));
        call->request = std::move(request);
        call->query = target->query;
        for (const auto& [name, value] : found->path) {
            call->path[name] = percent_decode(value).value_or(value);
        }
        if (auto checked = check(*call); !checked) return call->fail(checked.error());
        found->endpoint->handle(call);
    }

    ApiAnswer refusal(int status, const Error& error) const override {
        return error_answer(status, error);
    }

private:
    static std::unexpected<ApiAnswer> no_match(const ApiHead& head, const Target& target,
                                               const NoMatch& missed) {
        if (missed.allow.empty()) {
            return refuse(404, ErrorCode::not_found,
                          fmt::format("{}: no such resource; GET /v1/openapi.json lists all",
                                      valid_utf8(target.path.substr(0, 200))));
        }
        auto answer = error_answer(
            405, Error{ErrorCode::invalid, fmt::format("{} {}: expected one of {}", head.method,
                                                       target.path, missed.allow)});
        answer.headers["Allow"] = missed.allow;
        return std::unexpected(std::move(answer));
    }

    std::expected<ApiBodyPlan, ApiAnswer> take_source(const std::string& type,
                                                      const Endpoint& endpoint) {
        if (is_json_type(type)) return ApiBodyPlan{k_json_body_max, ""};
        if (type != "application/x-tar") {
            return refuse(415, ErrorCode::invalid,
                          "header Content-Type: expected application/x-tar with the source folder, "
                          "or application/json with {\"image\": \"…\"}");
        }
        auto path = context_->control.new_upload();
        if (!path) {
            return refuse(status_of(path.error().code), path.error().code, path.error().reason);
        }
        return ApiBodyPlan{endpoint.body.size_max, std::move(*path)};
    }

    static Status check(Call& call) {
        MOLN_TRY(read_conditions(call));
        MOLN_TRY(call.check_filter());
        const auto kind = call.endpoint.body.kind;
        const bool is_json =
            kind == BodyKind::json || (kind == BodyKind::source && call.request.body_file.empty());
        if (!is_json) return {};
        if (call.request.body.empty() && kind == BodyKind::json) call.request.body = "{}";
        MOLN_ASSIGN(call.body,
                    parse_json(call.request.body, static_cast<std::size_t>(k_json_body_max.count)));
        return call.endpoint.body.type.check(call.body);
    }

    std::shared_ptr<ServiceContext> context_;
};

}  // namespace

std::unique_ptr<ApiService> make_service(Control& control, Loop& loop, ServiceInfo info) {
    return std::make_unique<Service>(control, loop, std::move(info));
}

}  // namespace moln::api
