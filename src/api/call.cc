#include "api/call.h"

#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "api/settle.h"
#include "api/view.h"
#include "model/unknown.h"
#include "model/words.h"

namespace moln::api {

void ServiceContext::release_soon(std::shared_ptr<void> handle) {
    if (handle == nullptr) return;
    released.push_back(std::move(handle));
    loop.after({}, [weak = weak_from_this()] {
        const auto self = weak.lock();
        if (self != nullptr) std::exchange(self->released, {}).clear();
    });
}

std::string Call::text(const std::string& name) const {
    if (const auto found = path.find(name); found != path.end()) return found->second;
    const auto found = query.find(name);
    return found == query.end() ? "" : found->second.front();
}

bool Call::flag(const std::string& name, bool otherwise) const {
    const auto found = query.find(name);
    if (found == query.end()) return otherwise;
    return found->second.front() != "0";
}

std::int64_t Call::number(const std::string& name, std::int64_t otherwise) const {
    const auto value = text(name);
    std::int64_t number = otherwise;
    std::from_chars(value.data(), value.data() + value.size(), number);
    return number;
}

std::string Call::project() const {
    const auto found = query.find("project");
    return found == query.end() ? "default" : found->second.front();
}

AppId Call::app() const {
    return AppId(project() + "/" + text("app"));
}

AppId Call::app_filter() const {
    return text("app").empty() ? AppId() : app();
}

Result<const App*> Call::find_app() const {
    if (!world().leading) {
        return moln::fail(ErrorCode::unavailable,
                          "the daemon is still reading what it knows: try again");
    }
    const auto found = world().apps.find(app());
    if (found == world().apps.end()) {
        return moln::fail(ErrorCode::not_found, unknown_app(world(), app()));
    }
    return &found->second;
}

Status Call::check_filter() const {
    if (!query.contains("app") || world().apps.contains(app())) return {};
    if (endpoint.of_the_gone && is_remembered(world(), app())) return {};
    return moln::fail(ErrorCode::not_found, unknown_app(world(), app()));
}

void Call::reply_json(const json::value& value) const {
    ApiAnswer answer;
    answer.body = json::serialize(value) + "\n";
    exchange->answer(std::move(answer));
}

void Call::fail(const Error& error) const {
    exchange->answer(error_answer(status_of(error.code, if_match), error));
}

void Call::execute(const Command& command) {
    const bool wait = flag("wait");
    control().execute(command, expected, idempotency_key,
                      [self = shared_from_this(), wait, leaving = departure_by(command),
                       edges = concerns_edges_alone(command)](Result<CommandReply> done) {
                          if (!done) return self->fail(done.error());
                          if (wait && edges) return settle_edges(self, *done);
                          if (wait && leaving) return settle_departure(self, *done, *leaving);
                          if (wait && self->world().apps.contains(done->app)) {
                              return settle(self, *done, {});
                          }
                          self->reply(change_view(self->world(), *done, {}));
                      });
}

int status_of(ErrorCode code, bool if_match) {
    switch (code) {
        case ErrorCode::invalid: return 400;
        case ErrorCode::not_found: return 404;
        case ErrorCode::exists: return 409;
        case ErrorCode::conflict: return if_match ? 412 : 409;
        case ErrorCode::refused:
        case ErrorCode::failed: return 422;
        case ErrorCode::denied: return 403;
        case ErrorCode::unavailable: return 503;
        case ErrorCode::timeout: return 504;
        case ErrorCode::full: return 507;
        case ErrorCode::corrupt:
        case ErrorCode::internal: break;
    }
    return 500;
}

json::value error_json(const Error& error) {
    return json::object{
        {"error", to_json(ErrorBody{std::string(word(error.code)), valid_utf8(error.reason)})}};
}

ApiAnswer error_answer(int status, const Error& error) {
    ApiAnswer answer;
    answer.status = status;
    answer.body = json::serialize(error_json(error)) + "\n";
    return answer;
}

}  // namespace moln::api
