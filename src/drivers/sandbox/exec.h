// Programs run inside a running instance: `moln shell`. Each lives in the instance's namespaces and
// cgroup and ends with it at the latest.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/id.h"
#include "base/result.h"
#include "drivers/sandbox/host.h"
#include "io/file/fd.h"

namespace moln {

struct ExecSpec {
    InstanceId instance;
    std::vector<std::string> argv;
    std::vector<std::string> env = {};  // "NAME=value", on top of the instance's own
    std::string workdir = {};           // empty: the instance's
    bool terminal = false;
    int columns = 80;
    int rows = 24;
};

// Ends the program when it is destroyed. One thread at a time but for wait() and kill().
class ExecSession {
public:
    ~ExecSession();
    ExecSession(const ExecSession&) = delete;
    ExecSession& operator=(const ExecSession&) = delete;

    // Without a terminal: what the program reads, and what it says. With one they are the same
    // descriptor, the terminal's, and error_fd() is -1. Non-blocking; the session owns them.
    int input_fd() const { return input_.valid() ? input_.get() : output_.get(); }
    int output_fd() const { return output_.get(); }
    int error_fd() const { return error_.get(); }
    void close_input() { input_.reset(); }

    Status resize(int columns, int rows);
    // Readable once the program has ended (a pidfd): for a loop to wait on.
    int ended_fd() const { return process_.get(); }
    // Blocks until it has ended: exit code, 128 + signal.
    int wait();
    void kill();

private:
    friend Result<std::unique_ptr<ExecSession>> exec_in(SandboxHost& host, const ExecSpec& spec);
    ExecSession() = default;

    Fd input_;
    Fd output_;
    Fd error_;
    Fd process_;
    pid_t pid_ = -1;
    int code_ = -1;
    bool terminal_ = false;
};

// ErrorCode::refused if the instance does not run.
Result<std::unique_ptr<ExecSession>> exec_in(SandboxHost& host, const ExecSpec& spec);

}  // namespace moln
