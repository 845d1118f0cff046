// A client of bytes: says exactly what a test wants said, and reads answers whole. Not the CLI's.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/codec.h"

namespace moln {

struct RawAnswer {
    int status = 0;
    std::map<std::string, std::string> headers;  // lower-case names
    std::string body;
    bool whole = false;  // the framing said that this is the end

    json::value json() const;                // of the body; null if it is none
    std::vector<json::value> lines() const;  // of a body of lines
    std::string error_code() const;          // "" if the body is no error
    std::string reason() const;
};

class RawClient {
public:
    explicit RawClient(const std::string& unix_path);
    RawClient(const std::string& host, std::uint16_t port);
    ~RawClient();
    RawClient(const RawClient&) = delete;
    RawClient& operator=(const RawClient&) = delete;

    bool connected() const { return fd_ >= 0; }
    // False when the server closed meanwhile.
    bool send(std::string_view bytes);
    // As much as comes in one read; "" at the end or after ten seconds of silence.
    std::string read_some();
    RawAnswer read_answer();
    // Reads until `text` has come, or the end; what came.
    std::string read_until(std::string_view text);
    void shrink_receive_buffer();
    void close();

    RawAnswer call(const std::string& method, const std::string& target,
                   const std::string& body = "",
                   const std::map<std::string, std::string>& headers = {});

private:
    int fd_ = -1;
    std::string buffer_;
};

}  // namespace moln
