// The terminal, or the open input and the output, of a one-off: `moln run`.
#pragma once

#include <string>

#include "base/id.h"
#include "base/result.h"
#include "drivers/sandbox/host.h"
#include "io/file/fd.h"

namespace moln {

// A larger one would be cut: conmon reads packets of at most 32 KiB.
inline constexpr std::size_t k_attach_piece_bytes = 8192;
// The first byte of an instance's input that is open for pipes: moln-init reads it and only then
// starts the program, so that whoever is attached hears all of it.
inline constexpr const char* k_attached_word = "\n";

// Several may be attached at once; all see the same output. What was said before is in the log
// alone: resize() makes most programs draw their prompt again.
class Attachment {
public:
    // ErrorCode::refused if the instance does not run.
    static Result<Attachment> open(SandboxHost& host, const InstanceId& instance);

    // Non-blocking; readable when there is output, or nothing more will come. For a loop to wait
    // on.
    int fd() const { return socket_.get(); }
    // Some output; "" if there is none just now. ErrorCode::not_found once the instance has ended.
    Result<std::string> read();
    // ErrorCode::unavailable if it cannot take more just now: nothing was written.
    Status write(const std::string& bytes);
    Status resize(int columns, int rows);

private:
    Attachment(SandboxHost& host, InstanceId instance, Fd socket)
        : host_(&host), instance_(std::move(instance)), socket_(std::move(socket)) {}

    SandboxHost* host_;
    InstanceId instance_;
    Fd socket_;
};

}  // namespace moln
