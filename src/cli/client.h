// Calls of the API: one connection a call, blocking, interruptible.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "cli/wire.h"
#include "model/codec.h"

namespace moln::cli {

class Client {
public:
    explicit Client(std::string socket_path) : path_(std::move(socket_path)) {}

    // The body of an answer of 2xx; the error that another one carries.
    Result<std::string> call(const ApiCall& call) const;

    // The same, a line of newline-delimited JSON at a time. A line {"error": …} is returned as the
    // error. `feed`, if given, sends a chunked body: it calls its argument with pieces until that
    // says false, because the daemon has answered already.
    using Send = std::function<Result<bool>(std::string_view)>;
    Status lines(const ApiCall& call, const std::function<Status(const json::value&)>& line,
                 const std::function<Status(const Send&)>& feed = nullptr) const;

    // The lines of an answer that has no end; `opened` is called when it has begun.
    Status follow(const ApiCall& call, const std::function<void()>& opened,
                  const std::function<Status(const json::value&)>& line) const;

    const std::string& socket_path() const { return path_; }

private:
    std::string path_;
};

// Of a body or line {"error": {"code", "reason"}}; none if it is something else.
std::optional<Error> error_in(const json::value& value);

}  // namespace moln::cli
