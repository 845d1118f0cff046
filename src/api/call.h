// One request after routing and validation, on its way through a handler; and how a handler
// answers. Handlers may finish later: they keep the Call by shared_ptr.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "api/table.h"
#include "model/command.h"
#include "model/requests.h"
#include "ports/api_service.h"
#include "ports/control.h"
#include "ports/pool.h"

namespace moln::api {

struct ServiceInfo {
    std::string version;
    MonoTime started;  // of the daemon
};

// Streams live until their end or their client's; what they are is their own affair.
class Stream {
public:
    virtual ~Stream() = default;
};

struct ServiceContext : std::enable_shared_from_this<ServiceContext> {
    ServiceContext(Control& its_control, Loop& its_loop, ServiceInfo its_info)
        : control(its_control), loop(its_loop), info(std::move(its_info)) {}

    // Lets go of a handle of the Control's, soon: not within one of its own callbacks, and not
    // later than the service ends.
    void release_soon(std::shared_ptr<void> handle);

    Control& control;
    Loop& loop;
    ServiceInfo info;
    std::set<std::shared_ptr<Stream>> streams;
    std::vector<std::shared_ptr<void>> released;
};

class Call : public std::enable_shared_from_this<Call> {
public:
    Call(std::shared_ptr<ServiceContext> context, const Endpoint& endpoint_row,
         std::shared_ptr<ApiExchange> line)
        : exchange(std::move(line)), endpoint(endpoint_row), context_(std::move(context)) {}

    Control& control() const { return context_->control; }
    const World& world() const { return context_->control.world(); }
    std::vector<StreamPath> stream_paths() const { return context_->control.stream_paths(); }
    Now now() const { return context_->control.now(); }
    ServiceContext& context() const { return *context_; }
    std::shared_ptr<ServiceContext> shared_context() const { return context_; }

    // "project/app" of the path, or of the filter `?app=`; the latter empty if there is none.
    AppId app() const;
    AppId app_filter() const;
    std::string project() const;
    Result<const App*> find_app() const;
    // not_found for the one app of the filter if that is none, and nothing is left of one that the
    // endpoint would show.
    Status check_filter() const;

    std::string text(const std::string& name) const;  // of path or query, "" if absent
    bool flag(const std::string& name, bool otherwise = false) const;
    std::int64_t number(const std::string& name, std::int64_t otherwise) const;

    // The body was checked against the row's type: no error is left to handle.
    template <typename T>
    T body_as() const {
        return *from_json<T>(body);
    }

    template <typename T>
    void reply(const T& value) const {
        reply_json(to_json(value));
    }
    void reply_json(const json::value& value) const;
    void fail(const Error& error) const;
    // Executes and answers with a ChangeView, or with lines until settled if `?wait=1`.
    void execute(const Command& command);

    std::map<std::string, std::string> path;
    std::map<std::string, std::vector<std::string>> query;
    json::value body;
    ApiRequest request;
    Expected expected;
    bool if_match = false;
    std::string idempotency_key;
    std::shared_ptr<ApiExchange> exchange;
    const Endpoint& endpoint;

private:
    std::shared_ptr<ServiceContext> context_;
};

// HTTP status of an error's code. If-Match turns a conflict into 412.
int status_of(ErrorCode code, bool if_match = false);
json::value error_json(const Error& error);
ApiAnswer error_answer(int status, const Error& error);

}  // namespace moln::api
