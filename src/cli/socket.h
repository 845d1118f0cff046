// The CLI's line to the daemon: a unix socket, blocking, that Ctrl-C interrupts. The only file of
// the CLI that opens sockets.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace moln::cli {

// Ctrl-C and SIGTERM are noted instead of ending the program, and every wait below ends with
// ErrorCode::unavailable "interrupted". Call once.
void note_interrupts();
bool interrupted();

// Waits until `fd` can be read.
Status wait_readable(int fd);
// Waits so long.
Status wait_for(std::chrono::milliseconds time);

class Socket {
public:
    // unavailable: nobody listens there; denied: the caller may not.
    static Result<Socket> connect(const std::string& path);
    ~Socket();
    Socket(Socket&& other) noexcept;
    Socket& operator=(Socket&& other) noexcept;
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;

    int fd() const { return fd_; }

    // All of it, unless the daemon answers in the middle: then `answered` is set and the rest is
    // not sent. unavailable when the daemon has gone.
    Status send(std::string_view bytes, bool& answered);
    // What is there, at least one byte; empty at the end.
    Result<std::string> receive();

    // For talk both ways: as much as goes without waiting; and then what came, or nothing once
    // there is room to write.
    Result<std::size_t> send_some(std::string_view bytes);
    Result<std::string> receive_or_writable();

private:
    explicit Socket(int fd) : fd_(fd) {}
    int fd_ = -1;
};

// One request on a connection of its own whose answer nobody waits for, past an interruption.
void send_last_word(const std::string& path, std::string_view bytes);

}  // namespace moln::cli
