// A reply of newline-delimited JSON. It begins with the first line, so that an error before it is
// still a plain answer with its own status.
#pragma once

#include <memory>
#include <string>

#include "api/call.h"
#include "model/words.h"

namespace moln::api {

class Lines {
public:
    explicit Lines(std::shared_ptr<Call> call) : call_(std::move(call)) {}

    void begin();  // sends the head now: a follow with nothing to say yet is seen to be open
    void write(const json::value& value);
    void progress(const std::string& text);  // {"line": text}
    // One of both ends the stream; nothing may follow.
    void result(const json::value& value);  // {"result": value}
    void fail(const Error& error);  // {"error": …}, or a plain answer if nothing was written
    void end();

    // False while the client has not taken what was written: hold back, on_room() tells when.
    bool has_room() const;
    const std::shared_ptr<Call>& call() const { return call_; }

private:
    std::shared_ptr<Call> call_;
    bool begun_ = false;
};

}  // namespace moln::api
