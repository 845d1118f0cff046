#include "drivers/acme/uacme.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "drivers/process/spawn.h"
#include "io/file/files.h"
#include "io/file/tree.h"

namespace moln {
namespace {

using Clock = std::chrono::steady_clock;

// A challenge's lines come once; more than this is a program that has lost its mind.
constexpr std::size_t k_output_bytes_max = 256 * 1024;
constexpr std::int64_t k_look_ms = 100;  // how late a cancellation may be noticed
constexpr unsigned k_folder_mode = 0700;
constexpr unsigned k_file_mode = 0600;
// Where libcurl, as Debian builds it for uacme, looks for whom to believe; no option leads
// elsewhere.
constexpr const char* k_system_bundle = "/etc/ssl/certs/ca-certificates.crt";

// uacme calls it with METHOD TYPE IDENT TOKEN AUTH; what does not begin is over. A word ends with a
// newline, up to which sh reads byte by byte: the next call finds the next one.
constexpr std::string_view k_hook = R"(#!/bin/sh
[ "$1" = begin ] || exit 0
[ "$2" = "$MOLN_CHALLENGE" ] || exit 1
printf 'moln-challenge %s %s %s\n' "$3" "$4" "$5"
read -r answer && [ "$answer" = look ]
)";

// The proxy of the machine is the daemon's, and its children's.
std::vector<std::string> environment(ChallengeKind challenge) {
    std::vector<std::string> all = {"LC_ALL=C",
                                    fmt::format("MOLN_CHALLENGE={}", challenge_words(challenge))};
    for (const char* name : {"https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY"}) {
        const char* value = std::getenv(name);
        if (value != nullptr) all.push_back(fmt::format("{}={}", name, value));
    }
    return all;
}

Status write_secret(const std::string& path, const Secret& secret) {
    return write_file(path, secret.reveal(), k_file_mode, Durability::unsynced);
}

}  // namespace

Result<std::unique_ptr<Uacme>> Uacme::prepare(UacmeSettings settings) {
    MOLN_TRY(remove_tree(settings.folder));
    std::unique_ptr<Uacme> made(new Uacme(std::move(settings)));
    MOLN_TRY(make_folders(made->path("private"), k_folder_mode));
    MOLN_TRY(write_secret(made->path("private/key.pem"), made->settings_.account_key));
    MOLN_TRY(write_file(made->path("hook"), k_hook, k_folder_mode, Durability::unsynced));
    if (!made->settings_.ca_bundle.empty()) {
        MOLN_TRY(write_file(made->path("ca.pem"), made->settings_.ca_bundle, k_file_mode,
                            Durability::unsynced));
    }
    return made;
}

Uacme::~Uacme() {
    kill();
    (void)remove_tree(settings_.folder);
}

Status Uacme::start(const std::vector<std::string>& words) {
    ChildSpec spec;
    spec.argv = {settings_.program,   "-v", "-n",        "-y", "-c", settings_.folder, "-a",
                 settings_.directory, "-h", path("hook")};
    spec.argv.insert(spec.argv.end(), words.begin(), words.end());
    spec.env = environment(settings_.challenge);
    spec.directory = settings_.folder;
    const auto bundle = path("ca.pem");
    if (!settings_.ca_bundle.empty()) {
        spec.new_mount_namespace = true;
        spec.before_exec = [&bundle]() -> Status {
            if (::mount(bundle.c_str(), k_system_bundle, nullptr, MS_BIND, nullptr) == 0) return {};
            return std::unexpected(Error{});  // errno is what counts here
        };
    }
    MOLN_ASSIGN(Pipe output, make_pipe());
    MOLN_ASSIGN(Pipe answers, make_pipe());
    MOLN_ASSIGN(pid_, spawn(spec, {.in = answers.read_end.get(), .out = output.write_end.get()}));
    out_ = std::move(output.read_end);
    answers_ = std::move(answers.write_end);
    output_.clear();
    looked_ = 0;
    exit_code_ = -1;
    return {};
}

Result<std::optional<OfferedChallenge>> Uacme::run(Milliseconds limit) {
    const auto deadline = Clock::now() + std::chrono::milliseconds(limit.count);
    std::array<char, 4096> buffer;
    while (true) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
        const bool cancelled = settings_.cancelled != nullptr && settings_.cancelled->load();
        if (cancelled || left.count() <= 0 || output_.size() > k_output_bytes_max) {
            kill();
            if (cancelled) return fail(ErrorCode::refused, "the daemon ends");
            return fail(ErrorCode::timeout,
                        fmt::format("uacme did not come to an end within {} s: {}",
                                    limit.count / 1000, failure_reason(output_)));
        }
        pollfd ready{out_.get(), POLLIN, 0};
        const auto wait = std::min<std::int64_t>(left.count(), k_look_ms);
        if (::poll(&ready, 1, static_cast<int>(wait)) <= 0) continue;
        const auto count = ::read(out_.get(), buffer.data(), buffer.size());
        if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (count <= 0) {
            reap();
            return std::nullopt;
        }
        output_.append(buffer.data(), static_cast<std::size_t>(count));
        if (auto offer = take_lines()) return offer;
    }
}

std::optional<OfferedChallenge> Uacme::take_lines() {
    for (auto end = output_.find('\n', looked_); end != std::string::npos;
         end = output_.find('\n', looked_)) {
        const auto line = std::string_view(output_).substr(looked_, end - looked_);
        looked_ = end + 1;
        if (auto offer = offered_challenge(line)) return offer;
    }
    return std::nullopt;
}

void Uacme::answer(bool look) {
    (void)write_all(answers_, look ? "look\n" : "decline\n", settings_.program);
}

void Uacme::reap() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    exit_code_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void Uacme::kill() {
    if (pid_ < 0) return;
    kill_session(pid_);
    reap();
}

}  // namespace moln
