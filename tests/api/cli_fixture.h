// `moln` as a process in a folder "shop", against the real server over a FakeControl.
#pragma once

#include <array>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/api/api_fixture.h"

namespace moln {

struct Ran {
    int exit_code = -1;
    std::string out;  // standard output and error, as they came
};

class Cli : public ApiTest {
protected:
    void SetUp() override {
        ApiTest::SetUp();
        on_loop([this] { control_->add_app("shop"); });
        std::filesystem::create_directory(folder_ + "/shop");
        std::ofstream(folder_ + "/shop/index.js") << "hello";
    }

    struct Started {
        pid_t pid = -1;
        int out = -1;
    };
    // In the folder "shop", with `input` as its standard input.
    Started start_moln(std::vector<std::string> words, const std::string& input = "") {
        std::array<int, 2> out{};
        EXPECT_EQ(::pipe2(out.data(), O_CLOEXEC), 0);
        const auto input_file = folder_ + "/input";
        std::ofstream(input_file, std::ios::binary) << input;
        words.insert(words.begin(), {MOLN_CLI_PROGRAM, "--socket", socket()});
        std::vector<char*> argv;
        for (auto& word : words) argv.push_back(word.data());
        argv.push_back(nullptr);
        const auto shop = folder_ + "/shop";
        const pid_t pid = ::fork();
        if (pid == 0) {
            const int in = ::open(input_file.c_str(), O_RDONLY);
            ::dup2(in, STDIN_FILENO);
            ::dup2(out[1], STDOUT_FILENO);
            ::dup2(out[1], STDERR_FILENO);
            if (::chdir(shop.c_str()) == 0) ::execv(argv[0], argv.data());
            ::_exit(99);
        }
        ::close(out[1]);
        return {pid, out[0]};
    }
    // Takes what it prints until these words have come; returns it.
    std::string read_until(const Started& started, std::string_view words) {
        std::string seen;
        std::array<char, 4096> buffer;
        while (seen.find(words) == std::string::npos) {
            const auto n = ::read(started.out, buffer.data(), buffer.size());
            if (n <= 0) {
                ADD_FAILURE() << "it ended without \"" << words << "\": " << seen;
                break;
            }
            seen.append(buffer.data(), static_cast<std::size_t>(n));
        }
        return seen;
    }
    Ran finish(const Started& started) {
        Ran ran;
        std::array<char, 4096> buffer;
        for (ssize_t n = 0; (n = ::read(started.out, buffer.data(), buffer.size())) > 0;) {
            ran.out.append(buffer.data(), static_cast<std::size_t>(n));
        }
        ::close(started.out);
        int status = 0;
        ::waitpid(started.pid, &status, 0);
        ran.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        return ran;
    }
    Ran moln(std::vector<std::string> words, const std::string& input = "") {
        return finish(start_moln(std::move(words), input));
    }
};

}  // namespace moln
