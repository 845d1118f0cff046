#include "drivers/log/reader.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/file/fd.h"

namespace moln {
namespace {

constexpr std::string_view k_suffix = ".log";

std::string read_range(int fd, std::int64_t offset, std::size_t count) {
    std::string bytes(count, '\0');
    std::size_t got = 0;
    while (got < count) {
        const auto n =
            ::pread(fd, bytes.data() + got, count - got, offset + static_cast<std::int64_t>(got));
        if (n <= 0) break;
        got += static_cast<std::size_t>(n);
    }
    bytes.resize(got);
    return bytes;
}

template <typename Each>
void each_line(std::string_view bytes, Each each) {
    while (!bytes.empty()) {
        const auto end = bytes.find('\n');
        if (end == std::string_view::npos) return;
        each(bytes.substr(0, end));
        bytes.remove_prefix(end + 1);
    }
}

void sort_by_time(std::vector<LogLine>& lines) {
    std::stable_sort(lines.begin(), lines.end(),
                     [](const LogLine& a, const LogLine& b) { return a.at < b.at; });
}

}  // namespace

std::string process_of(const std::string& instance) {
    return instance.substr(0, instance.rfind('-'));
}

LogReader::LogReader(const DataDir& data, LogQuery query)
    : directory_(data.logs() + "/" + query.app.text), query_(std::move(query)) {}

std::vector<std::string> LogReader::instances() const {
    std::vector<std::string> found;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(directory_, error)) {
        auto name = entry.path().filename().string();
        if (!name.ends_with(k_suffix)) continue;
        name.resize(name.size() - k_suffix.size());
        if (!query_.instance.empty() && name != query_.instance) continue;
        if (!query_.process.empty() && process_of(name) != query_.process) continue;
        found.push_back(std::move(name));
    }
    std::sort(found.begin(), found.end());
    return found;
}

LogLine LogReader::line_of(const std::string& instance, RawLogLine raw) const {
    return {.at = raw.at,
            .instance = InstanceId(instance),
            .process = process_of(instance),
            .is_error = raw.is_error,
            .text = std::move(raw.text)};
}

std::vector<LogLine> LogReader::past() {
    const auto wanted =
        static_cast<std::size_t>(std::clamp(query_.lines, std::int64_t{0}, k_log_lines_max));
    std::vector<LogLine> lines;
    for (const auto& instance : instances()) {
        std::vector<LogLine> own;
        const auto path = directory_ + "/" + instance + std::string(k_suffix);
        LogAssembler rotated;
        const Fd old(::open((path + ".1").c_str(), O_RDONLY | O_CLOEXEC));
        if (old.valid()) {
            struct ::stat status{};
            ::fstat(old.get(), &status);
            const auto bytes = read_range(old.get(), 0, static_cast<std::size_t>(status.st_size));
            each_line(bytes, [&](std::string_view text) {
                if (auto raw = rotated.feed(text)) own.push_back(line_of(instance, *raw));
            });
        }
        auto& tail = tails_[instance];
        tail = Tail{};
        tail.assembler = std::move(rotated);
        for (auto& line : read_new(instance, tail)) own.push_back(std::move(line));
        const auto keep = std::min(own.size(), wanted);
        lines.insert(lines.end(), std::make_move_iterator(own.end() - static_cast<long>(keep)),
                     std::make_move_iterator(own.end()));
    }
    sort_by_time(lines);
    if (lines.size() > wanted) {
        lines.erase(lines.begin(), lines.end() - static_cast<long>(wanted));
    }
    return lines;
}

std::vector<LogLine> LogReader::read_new(const std::string& instance, Tail& tail) {
    std::vector<LogLine> lines;
    const auto path = directory_ + "/" + instance + std::string(k_suffix);
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd.valid()) return lines;
    struct ::stat status{};
    if (::fstat(fd.get(), &status) != 0) return lines;
    const auto take = [&](std::string_view bytes) {
        const std::string joined = tail.torn + std::string(bytes);
        const auto whole = joined.rfind('\n') + 1;  // npos + 1 is 0: no whole line yet
        each_line(joined, [&](std::string_view text) {
            if (auto raw = tail.assembler.feed(text)) {
                lines.push_back(line_of(instance, std::move(*raw)));
            }
        });
        tail.torn = joined.substr(whole);
        if (tail.torn.size() > k_log_poll_bytes_max) tail.torn.clear();
    };
    if (tail.inode != 0 && tail.inode != status.st_ino) {
        // Rotated: the rest of the old file, then the new one from its beginning.
        const Fd old(::open((path + ".1").c_str(), O_RDONLY | O_CLOEXEC));
        struct ::stat old_status{};
        if (old.valid() && ::fstat(old.get(), &old_status) == 0 &&
            old_status.st_ino == tail.inode && old_status.st_size > tail.offset) {
            take(read_range(old.get(), tail.offset,
                            std::min(static_cast<std::size_t>(old_status.st_size - tail.offset),
                                     k_log_poll_bytes_max)));
        }
        tail.offset = 0;
        tail.torn.clear();
    }
    if (status.st_size < tail.offset) tail.offset = 0;  // cut by conmon at its hard bound
    const bool follows = tail.inode != 0;
    tail.inode = status.st_ino;
    auto unread = static_cast<std::size_t>(status.st_size - tail.offset);
    if (follows && unread > k_log_poll_bytes_max) {
        const auto skipped = unread - k_log_poll_bytes_max;
        tail.offset += static_cast<std::int64_t>(skipped);
        unread = k_log_poll_bytes_max;
        tail.torn.clear();
        lines.push_back(
            {.at = {},
             .instance = InstanceId(instance),
             .process = process_of(instance),
             .is_error = true,
             .text = fmt::format("[{} bytes passed over: logs faster than it is read]", skipped)});
    }
    const auto bytes = read_range(fd.get(), tail.offset, unread);
    tail.offset += static_cast<std::int64_t>(bytes.size());
    take(bytes);
    if (!lines.empty() && lines.front().at.ms == 0 && lines.size() > 1) lines[0].at = lines[1].at;
    return lines;
}

std::vector<LogLine> LogReader::poll() {
    std::vector<LogLine> lines;
    for (const auto& instance : instances()) {
        for (auto& line : read_new(instance, tails_[instance])) lines.push_back(std::move(line));
    }
    sort_by_time(lines);
    return lines;
}

Status prune_logs(const DataDir& data, const std::function<bool(const std::string&)>& is_live) {
    namespace fs = std::filesystem;
    std::map<std::string, std::vector<std::pair<fs::file_time_type, fs::path>>> ended;
    std::error_code error;
    for (const auto& entry : fs::recursive_directory_iterator(data.logs(), error)) {
        auto name = entry.path().filename().string();
        if (!name.ends_with(k_suffix)) continue;
        name.resize(name.size() - k_suffix.size());
        if (is_live(name)) continue;
        std::error_code gone;
        const auto written = fs::last_write_time(entry.path(), gone);
        if (!gone) ended[entry.path().parent_path()].emplace_back(written, entry.path());
    }
    if (error && error != std::errc::no_such_file_or_directory) {
        return fail(error_from_errno(error.value(), "walk " + data.logs()));
    }
    for (auto& [app, files] : ended) {
        if (files.size() <= k_ended_logs_kept) continue;
        std::sort(files.begin(), files.end());
        files.resize(files.size() - k_ended_logs_kept);
        for (const auto& [written, path] : files) {
            fs::remove(path, error);
            fs::remove(fs::path(path.string() + ".1"), error);
        }
    }
    return {};
}

}  // namespace moln
