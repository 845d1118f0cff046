// What an instance must not be able to do, tried from within. Runs inside lab/netns.sh, as root.
#include <chrono>
#include <filesystem>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "contracts/sandbox_real_case.h"
#include "drivers/log/reader.h"
#include "io/file/fd.h"
#include "io/file/files.h"
#include "io/file/tree.h"
#include "model/limits.h"

namespace moln {
namespace {

class Isolation : public testing::Test {
protected:
    void SetUp() override { ASSERT_TRUE(world_.sandboxes().recover()); }

    void start(const SandboxSpec& spec) {
        const auto prepared = world_.sandboxes().prepare(spec);
        ASSERT_TRUE(prepared) << prepared.error().reason;
        const auto started = world_.sandboxes().start(spec.instance);
        ASSERT_TRUE(started) << started.error().reason;
    }
    InstanceExit end_of(const SandboxSpec& spec) {
        EXPECT_TRUE(world_.wait_for_exit(spec.instance)) << world_.log(spec);
        return world_.sandboxes().inspect(spec.instance).value().exit.value_or(InstanceExit{});
    }
    // Exit code of a shell script inside.
    int code_of(const std::string& script) {
        const auto spec = world_.spec_of({"sh", "-c", script});
        start(spec);
        const auto exit = end_of(spec);
        last_log_ = world_.log(spec);
        return exit.signal == 0 ? exit.code : 128 + exit.signal;
    }

    RealCase world_;
    std::string last_log_;
};

struct Listener {
    Fd fd;
    int port = 0;
};

// Listens on every address of the small machine, loopback among them.
Listener listen_everywhere() {
    Listener out{.fd = Fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))};
    sockaddr_in address{};
    address.sin_family = AF_INET;
    auto* plain = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(out.fd.get(), plain, sizeof address), 0);
    EXPECT_EQ(listen(out.fd.get(), 16), 0);
    socklen_t size = sizeof address;
    EXPECT_EQ(getsockname(out.fd.get(), plain, &size), 0);
    out.port = ntohs(address.sin_port);
    return out;
}

// curl's exit status: 7 could not connect, 28 no answer in time; 0 and others: it was reached.
std::string refused_script(const std::string& url) {
    return fmt::format(
        "curl -s -m 2 -o /dev/null {}; code=$?; echo curl $code; "
        "[ $code = 7 ] || [ $code = 28 ]",
        url);
}

TEST_F(Isolation, services_of_the_host_are_out_of_reach) {
    const auto service = listen_everywhere();
    EXPECT_EQ(code_of(refused_script(fmt::format("http://10.213.1.1:{}/", service.port))), 0)
        << last_log_;
    EXPECT_EQ(code_of(refused_script(fmt::format("http://127.0.0.1:{}/", service.port))), 0)
        << last_log_;
}

TEST_F(Isolation, its_own_network_is_reachable_and_another_projects_is_not) {
    auto server = world_.spec_of({"python3", "-u", "-m", "http.server", "80"});
    start(server);
    const auto address = world_.sandboxes().inspect(server.instance).value().address;
    const auto url = fmt::format("http://{}:80/", address);
    ASSERT_TRUE(world_.wait_for_log(server, "Serving"));
    EXPECT_EQ(code_of("curl -s -m 5 -o /dev/null " + url), 0) << last_log_;

    auto stranger = world_.spec_of({"sh", "-c", refused_script(url)});
    stranger.network = 2;
    start(stranger);
    EXPECT_EQ(end_of(stranger).code, 0) << world_.log(stranger);
}

// The host remembers for half a minute which link an address was at.
TEST_F(Isolation, an_address_that_another_had_before_is_answered_at_once) {
    start(world_.spec(Behaviour::runs));  // without a neighbour the bridge forgets by itself
    const std::vector<std::string> serve{"python3", "-u", "-m", "http.server", "80"};
    const auto first = world_.spec_of(serve);
    auto second = world_.spec_of(serve);
    second.address_slot = first.address_slot;
    for (const auto& server : {first, second}) {
        start(server);
        ASSERT_TRUE(world_.wait_for_log(server, "Serving"));
        const auto address = world_.sandboxes().inspect(server.instance).value().address;
        const auto ask = fmt::format("curl -s -m 3 -o /dev/null http://{}:80/", address);
        EXPECT_EQ(std::system(ask.c_str()), 0) << server.instance.text;
        ASSERT_TRUE(world_.sandboxes().kill(server.instance));
        ASSERT_TRUE(world_.wait_for_exit(server.instance));
        ASSERT_TRUE(
            world_.sandboxes().remove(server.instance, TrashId("trash-" + server.instance.text)));
    }
}

TEST_F(Isolation, metadata_services_are_out_of_reach) {
    EXPECT_EQ(code_of(refused_script("http://169.254.169.254/")), 0) << last_log_;
}

TEST_F(Isolation, it_sees_only_its_own_processes_and_no_file_of_the_host) {
    EXPECT_EQ(
        code_of("ls /proc | grep -c '^[0-9]' > /tmp/n; cat /tmp/n; [ $(cat /tmp/n) -lt 8 ] && "
                "[ ! -e /etc/shadow ] && [ ! -e /root/. -o ! -r /root ] && "
                "[ \"$(ls /home)\" = app ] && [ -z \"$(ls -A /srv; ls -A /opt)\" ]"),
        0)
        << last_log_;
}

TEST_F(Isolation, it_has_no_capability_and_gains_none) {
    EXPECT_EQ(code_of("grep -q 'CapEff:.*0000000000000000' /proc/self/status && "
                      "grep -q 'CapBnd:.*0000000000000000' /proc/self/status && "
                      "grep -q 'NoNewPrivs:.*1' /proc/self/status && "
                      "grep -q 'Seccomp:.*2' /proc/self/status && "
                      "! unshare --user true && ! unshare --net true && ! mount -t tmpfs x /tmp && "
                      "! touch /usr/bin/x && ! chown 0 /app && ! mknod /tmp/d b 7 0"),
              0)
        << last_log_;
}

TEST_F(Isolation, an_images_root_is_root_of_nothing_but_itself) {
    auto spec = world_.spec_of({"sh", "-c",
                                "[ $(id -u) = 0 ] && touch /owned && chown 33 /owned && "
                                "! mount -t tmpfs x /tmp && ! unshare --net true && "
                                "! sh -c 'echo 1 > /proc/sys/kernel/panic' && "
                                "! mknod /tmp/d b 7 0"});
    spec.user = "0";
    start(spec);
    EXPECT_EQ(end_of(spec).code, 0) << world_.log(spec);
}

TEST_F(Isolation, a_fork_bomb_stays_within_its_pids) {
    auto spec =
        world_.spec_of({"sh", "-c", "f() { f | f & }; f; f; echo forking; exec sleep 1000"});
    spec.pids = 64;
    start(spec);
    ASSERT_TRUE(world_.wait_for_log(spec, "fork"));
    EXPECT_LE(world_.sandboxes().usage(spec.instance).value().pids, 64);
    ASSERT_TRUE(world_.sandboxes().kill(spec.instance));
    EXPECT_TRUE(world_.host().cgroups.members(spec.instance.text).empty());
}

TEST_F(Isolation, a_memory_bomb_is_killed_and_told_as_out_of_memory) {
    auto spec = world_.spec_of({"python3", "-c", "x = [bytearray(1 << 20) for _ in range(4096)]"});
    spec.memory = mib(48);
    start(spec);
    const auto exit = end_of(spec);
    EXPECT_TRUE(exit.out_of_memory);
    EXPECT_EQ(exit.signal, SIGKILL);
}

TEST_F(Isolation, what_it_logs_is_bounded_on_disk) {
    const auto spec = world_.spec_of(
        {"sh", "-c", "head -c 200000000 /dev/zero | tr '\\0' x | fold -w 200; echo; echo end"});
    start(spec);
    while (world_.sandboxes().inspect(spec.instance).value().phase == InstancePhase::running) {
        ASSERT_TRUE(world_.real().rotate_logs());
        ASSERT_LE(tree_size(world_.host().paths.log_folder(spec.app)).bytes,
                  k_log_bytes_per_instance);
    }
    EXPECT_LE(tree_size(world_.host().paths.log_folder(spec.app)).bytes, k_log_bytes_per_instance);
    const auto older = read_file(world_.host().paths.log(spec.app, spec.instance) + ".1");
    EXPECT_NE((older.value_or("") + world_.log(spec)).find(" end"), std::string::npos)
        << "the last words are kept";
}

// conmon counts what it has written since it last began a new file, whoever renames that meanwhile:
// it dropped what had been printed last.
TEST_F(Isolation, of_what_it_logs_the_last_is_kept_without_a_gap) {
    const auto spec =
        world_.spec_of({"python3", "-c",
                        "import signal\n"
                        "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})\n"
                        "print('ready', flush=True)\n"
                        "for chunk in range(20):\n"
                        "    signal.sigwait({signal.SIGUSR1})\n"
                        "    for i in range(10_000): print('line', 10_000 * chunk + i, 'x' * 100)\n"
                        "    print(f'chunk-{chunk}-', flush=True)\n"
                        "signal.pause()\n"});
    start(spec);
    ASSERT_TRUE(world_.wait_for_log(spec, "ready"));
    const auto pid = static_cast<pid_t>(world_.sandboxes().inspect(spec.instance).value().pid);
    for (int chunk = 0; chunk < 20; ++chunk) {
        ASSERT_EQ(kill(pid, SIGUSR1), 0);
        const auto printed = [&] {
            LogReader reader(world_.host().paths.data, {.app = spec.app, .lines = k_log_lines_max});
            return reader.past();
        };
        const auto end = fmt::format("chunk-{}-", chunk);
        const auto late = std::chrono::steady_clock::now() + std::chrono::minutes(1);
        auto lines = printed();
        while (lines.back().text != end) {
            ASSERT_LT(std::chrono::steady_clock::now(), late);
            lines = printed();
        }
        ASSERT_TRUE(world_.real().rotate_logs());
        lines = printed();
        ASSERT_EQ(static_cast<std::int64_t>(lines.size()), k_log_lines_max);
        EXPECT_EQ(lines.back().text, end);
        auto next = 10'000 * (chunk + 1);
        for (auto line = lines.rbegin() + 1; line + 1 != lines.rend(); ++line) {
            ASSERT_TRUE(line->text.starts_with(fmt::format("line {} ", --next))) << line->text;
        }
    }
    ASSERT_TRUE(world_.sandboxes().kill(spec.instance));
}

// Nobody calls rotate_logs() in time: whoever prints fast fills several files within a second.
TEST_F(Isolation, of_what_it_logs_nothing_is_lost_where_its_monitor_begins_anew) {
    const auto spec =
        world_.spec_of({"python3", "-c",
                        "import signal\n"
                        "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})\n"
                        "print('ready', flush=True)\n"
                        "for chunk in range(6):\n"
                        "    signal.sigwait({signal.SIGUSR1})\n"
                        "    for i in range(3_000): print('line', 3_000 * chunk + i, 'x' * 1000)\n"
                        "    print(f'chunk-{chunk}-', flush=True)\n"
                        "signal.pause()\n"});
    start(spec);
    ASSERT_TRUE(world_.wait_for_log(spec, "ready"));
    const auto pid = static_cast<pid_t>(world_.sandboxes().inspect(spec.instance).value().pid);
    const auto log = world_.host().paths.log(spec.app, spec.instance);
    const auto late = std::chrono::steady_clock::now() + std::chrono::minutes(2);
    std::error_code none;  // of that name while it is moved on
    for (int chunk = 0; chunk < 6; ++chunk) {
        ASSERT_EQ(kill(pid, SIGUSR1), 0);
        const auto end = fmt::format("chunk-{}-", chunk);
        while (!read_file(log).value_or("").contains(end) ||
               !std::filesystem::equivalent(log, log + ".held", none)) {
            ASSERT_LT(std::chrono::steady_clock::now(), late);
        }
    }
    LogReader reader(world_.host().paths.data, {.app = spec.app, .lines = k_log_lines_max});
    auto next = 18'000;
    auto lines = reader.past();
    EXPECT_GT(lines.size(), 6'000u) << "one file alone has no place for as many";
    for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
        if (line->text.starts_with("chunk-")) continue;
        ASSERT_TRUE(line->text.starts_with(fmt::format("line {} ", --next))) << line->text;
    }
    ASSERT_TRUE(world_.sandboxes().kill(spec.instance));
}

TEST_F(Isolation, it_cannot_fill_the_nodes_disk) {
    EXPECT_EQ(code_of("head -c 200M /dev/zero > $HOME/big && exit 9; "
                      "[ $(stat -c %s $HOME/big) -lt 67108864 ] && rm $HOME/big && "
                      "! head -c 200M /dev/zero > /tmp/big"),
              0)
        << last_log_;
}

TEST_F(Isolation, a_stopped_process_is_killed_too) {
    const auto spec = world_.spec_of(
        {"sh", "-c", "sleep 1000 & kill -STOP $!; echo stopped; setsid sleep 1000 & wait"});
    start(spec);
    ASSERT_TRUE(world_.wait_for_log(spec, "stopped"));
    ASSERT_TRUE(world_.sandboxes().kill(spec.instance));
    EXPECT_TRUE(world_.host().cgroups.members(spec.instance.text).empty());
}

TEST_F(Isolation, secrets_are_in_no_command_line_and_in_no_file_that_others_read) {
    auto spec = world_.spec(Behaviour::runs);
    spec.secret_env["TOKEN"] = Secret("s3cret-of-the-test");
    start(spec);
    const auto monitor = world_.host().monitors.running(spec.instance);
    ASSERT_TRUE(monitor);
    const auto words = read_file(fmt::format("/proc/{}/cmdline", *monitor)).value();
    EXPECT_EQ(words.find("s3cret"), std::string::npos);
    EXPECT_EQ(read_file(world_.host().paths.record(spec.instance)).value().find("s3cret"),
              std::string::npos);
    EXPECT_NE(read_file(world_.host().paths.config(spec.instance)).value().find("s3cret"),
              std::string::npos);
    EXPECT_EQ(access(world_.host().paths.config(spec.instance).c_str(), R_OK), 0);
}

// The daemon is killed in the middle of its life; what it started serves on and is found again.
TEST_F(Isolation, an_instance_outlives_the_process_that_started_it) {
    const auto spec = world_.spec_of({"python3", "-u", "-m", "http.server", "80"});
    const pid_t daemon = fork();
    ASSERT_GE(daemon, 0);
    if (daemon == 0) {
        SandboxHost host(world_.options());
        RealSandboxes sandboxes(host);
        if (!sandboxes.recover() || !sandboxes.prepare(spec) || !sandboxes.start(spec.instance)) {
            _exit(1);
        }
        kill(getpid(), SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(waitpid(daemon, &status, 0), daemon);
    ASSERT_TRUE(WIFSIGNALED(status)) << "it could not start the instance";
    ASSERT_TRUE(world_.wait_for_log(spec, "Serving"));

    world_.restart();
    const auto seen = world_.sandboxes().recover().value();
    ASSERT_EQ(seen.size(), 1u);
    EXPECT_EQ(seen[0].phase, InstancePhase::running);
    EXPECT_EQ(code_of(fmt::format("curl -s -m 5 -o /dev/null http://{}:80/", seen[0].address)), 0);
}

}  // namespace
}  // namespace moln
