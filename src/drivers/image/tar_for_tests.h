// Tar archives as a test wants them, with names and links that no honest tool would write.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include <unistd.h>

#include "io/file/temp_dir_for_test.h"

namespace moln {

class TarForTests {
public:
    TarForTests& file(std::string_view path, std::string_view bytes, unsigned mode = 0644) {
        return add(path, '0', "", mode, bytes);
    }
    TarForTests& folder(std::string_view path, unsigned mode = 0755) {
        return add(path, '5', "", mode, "");
    }
    TarForTests& symlink(std::string_view path, std::string_view target) {
        return add(path, '2', target, 0777, "");
    }
    TarForTests& hard_link(std::string_view path, std::string_view target) {
        return add(path, '1', target, 0644, "");
    }
    TarForTests& device(std::string_view path) { return add(path, '3', "", 0666, ""); }
    TarForTests& pipe(std::string_view path) { return add(path, '6', "", 0666, ""); }
    TarForTests& owner(unsigned uid) {
        uid_ = uid;
        return *this;
    }

    // POSIX ustar and pax: the path in a header of its own, so that any bytes and length pass.
    TarForTests& add(std::string_view path, char kind, std::string_view target, unsigned mode,
                     std::string_view bytes) {
        const auto records =
            record("path", path) + (target.empty() ? "" : record("linkpath", target));
        header("pax", 'x', "", 0644, records.size());
        content(records);
        header(path.substr(0, 99), kind, target.substr(0, 99), mode, bytes.size());
        content(bytes);
        return *this;
    }

    std::string bytes() const { return bytes_ + std::string(1024, '\0'); }
    const std::string& unfinished() const { return bytes_; }

    // The path of the written archive.
    std::string write_to(const TempDir& scratch) const {
        static int count = 0;
        const auto path = scratch / ("archive-" + std::to_string(++count) + ".tar");
        std::ofstream(path, std::ios::binary) << bytes();
        return path;
    }

private:
    // "<length> key=value\n", the length counting itself.
    static std::string record(std::string_view key, std::string_view value) {
        const auto rest = key.size() + value.size() + 3;
        auto length = rest + 1;
        while (std::to_string(length).size() + rest != length) {
            length = std::to_string(length).size() + rest;
        }
        return std::to_string(length) + " " + std::string(key) + "=" + std::string(value) + "\n";
    }

    void header(std::string_view path, char kind, std::string_view target, unsigned mode,
                std::size_t size) {
        std::string block(512, '\0');
        const auto put = [&block](std::size_t at, std::string_view text) {
            block.replace(at, text.size(), text);
        };
        const auto octal = [&put](std::size_t at, std::size_t width, std::uint64_t value) {
            char text[32];
            std::snprintf(text, sizeof text, "%0*llo", static_cast<int>(width - 1),
                          static_cast<unsigned long long>(value));
            put(at, text);
        };
        put(0, path);
        octal(100, 8, mode);
        octal(108, 8, uid_);
        octal(116, 8, uid_);
        octal(124, 12, size);
        octal(136, 12, 1'700'000'000);
        block[156] = kind;
        put(157, target);
        put(257, std::string_view("ustar\00000", 8));
        put(148, "        ");
        unsigned sum = 0;
        for (const char c : block) sum += static_cast<unsigned char>(c);
        octal(148, 7, sum);
        block[154] = '\0';
        bytes_ += block;
    }

    void content(std::string_view bytes) {
        bytes_ += bytes;
        bytes_.append((512 - bytes.size() % 512) % 512, '\0');
    }

    std::string bytes_;
    unsigned uid_ = 4321;
};

}  // namespace moln
