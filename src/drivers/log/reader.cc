#include "drivers/log/reader.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <limits>
#include <map>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace moln {
namespace {

constexpr std::string_view k_suffix = ".log";
// The newest first: what is moved on between two looks is met twice, not missed.
constexpr std::array<std::string_view, 3> k_files = {"", k_log_held, k_log_before};

Fd open_log(const std::string& path) {
    return Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
}

// An inode of 0: there is none.
LogFileId id_of(const Fd& file) {
    struct ::statx status{};
    if (!file.valid() ||
        ::statx(file.get(), "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &status) != 0) {
        return {};
    }
    const auto& born = status.stx_btime;
    const bool is_told = (status.stx_mask & STATX_BTIME) != 0;
    return {.inode = status.stx_ino,
            .born_ns = is_told
                           ? static_cast<std::uint64_t>(born.tv_sec) * 1'000'000'000 + born.tv_nsec
                           : 0};
}

std::int64_t size_of(const Fd& file) {
    struct ::stat status{};
    return ::fstat(file.get(), &status) == 0 ? status.st_size : 0;
}

// "web-7f3k2m" of the name of one of its files, "" of another's.
std::string instance_of(const std::string& file) {
    for (const auto kind : k_files) {
        const auto suffix = std::string(k_suffix) + std::string(kind);
        if (file.ends_with(suffix)) return file.substr(0, file.size() - suffix.size());
    }
    return "";
}

// Those that are there and differ, the oldest first.
std::vector<Fd> open_all(const std::string& log) {
    std::vector<Fd> files;
    for (const auto kind : k_files) {
        Fd file = open_log(log + std::string(kind));
        const auto id = id_of(file);
        const auto same = [&](const Fd& other) { return id_of(other) == id; };
        if (id.inode != 0 && std::ranges::none_of(files, same)) files.push_back(std::move(file));
    }
    std::ranges::reverse(files);
    return files;
}

// Of files of one log, the oldest first: the first that is newer than one that is gone. Where their
// births are not told only the last is surely no older. Of none all are new.
std::vector<Fd>::iterator first_behind(std::vector<Fd>& files, const LogFileId& gone) {
    if (gone.inode == 0) return files.begin();
    const auto newer = std::ranges::find_if(files, [&](const Fd& file) {
        return gone.born_ns != 0 && id_of(file).born_ns > gone.born_ns;
    });
    return newer != files.end() || files.empty() ? newer : files.end() - 1;
}

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

// Those of one instance stay in their order, whatever the clock did: who has seen the last of them
// has seen all.
void sort_by_time(std::vector<LogLine>& lines) {
    std::map<std::string_view, WallTime> latest;
    std::vector<std::pair<WallTime, std::size_t>> order;
    for (std::size_t i = 0; i < lines.size(); ++i) {
        auto& time = latest[lines[i].instance.text];
        time = std::max(time, lines[i].at);
        order.emplace_back(time, i);
    }
    std::ranges::stable_sort(order, {}, &std::pair<WallTime, std::size_t>::first);
    std::vector<LogLine> sorted;
    sorted.reserve(lines.size());
    for (const auto& [time, i] : order) sorted.push_back(std::move(lines[i]));
    lines = std::move(sorted);
}

// Of lines that are not sorted yet; how many were more.
std::size_t keep_newest(std::vector<LogLine>& lines, std::size_t wanted) {
    sort_by_time(lines);
    const auto surplus = lines.size() - std::min(lines.size(), wanted);
    lines.erase(lines.begin(), lines.begin() + static_cast<long>(surplus));
    return surplus;
}

}  // namespace

std::string process_of(const std::string& instance) {
    return instance.substr(0, instance.rfind('-'));
}

LogReader::LogReader(const DataDir& data, LogQuery query)
    : directory_(data.logs() + "/" + query.app.text), query_(std::move(query)) {}

std::vector<std::string> LogReader::instances() const {
    std::set<std::string> found;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(directory_, error)) {
        auto name = instance_of(entry.path().filename().string());
        if (name.empty()) continue;
        if (!query_.instance.empty() && name != query_.instance) continue;
        if (!query_.process.empty() && process_of(name) != query_.process) continue;
        found.insert(std::move(name));
    }
    return {found.begin(), found.end()};
}

LogPosition LogReader::position_of(const std::string& instance, const Tail& tail,
                                   std::int64_t end) {
    return {
        .instance = InstanceId(instance), .file = tail.id, .end = static_cast<std::uint64_t>(end)};
}

std::vector<LogLine> LogReader::past() {
    const auto wanted =
        static_cast<std::size_t>(std::clamp(query_.lines, std::int64_t{0}, k_log_lines_max));
    std::vector<LogLine> lines;
    std::size_t left_out = 0;
    for (const auto& instance : instances()) {
        auto own = read_past(instance);
        const auto keep = std::min(own.size(), wanted);
        left_out += own.size() - keep;
        lines.insert(lines.end(), std::make_move_iterator(own.end() - static_cast<long>(keep)),
                     std::make_move_iterator(own.end()));
        left_out += keep_newest(lines, wanted);
    }
    // Who wants all of them is told; who asked for the last few is not.
    const bool wants_all =
        (!query_.after.empty() || query_.since.ms != 0) && query_.lines >= k_log_lines_max;
    if (wants_all && left_out > 0) {
        lines.front().is_error = true;
        lines.front().text = fmt::format("[{} lines passed over: more than {} since then]",
                                         left_out + 1, k_log_lines_max);
    }
    return lines;
}

std::vector<LogLine> LogReader::read_past(const std::string& instance) {
    auto& tail = tails_[instance];
    tail = Tail{};
    auto files = open_all(directory_ + "/" + instance + std::string(k_suffix));
    const auto after = query_.after.find(InstanceId(instance));
    auto first = files.begin();  // of which anything is wanted
    bool is_cut = false;
    if (after != query_.after.end()) {
        first = std::ranges::find(files, after->second.file, id_of);
        is_cut = first == files.end();
        if (is_cut) first = first_behind(files, after->second.file);
    }
    std::vector<LogLine> lines;
    for (auto file = files.begin(); file != files.end(); ++file) {
        const auto old = lines.size();
        // Those that are not wanted, too: a line may begin in one and end in the next.
        go_to(std::move(*file), tail, instance, lines);
        if (file < first) lines.erase(lines.begin() + static_cast<long>(old), lines.end());
    }
    if (after == query_.after.end()) {
        std::erase_if(lines, [&](const LogLine& line) { return line.at < query_.since; });
    } else if (!is_cut) {
        std::erase_if(lines, [&](const LogLine& line) {
            return line.position.file == after->second.file &&
                   line.position.end <= after->second.end;
        });
    } else if (!lines.empty()) {
        auto note = lines.front();
        note.is_error = true;
        note.text = "[lines may be missing here: the log was cut while nobody read it]";
        lines.insert(lines.begin(), std::move(note));
    }
    return lines;
}

// The rest of the file that was read until now, then those that have taken its place.
std::vector<LogLine> LogReader::read_new(const std::string& instance, Tail& tail) {
    std::vector<LogLine> lines;
    auto files = open_all(directory_ + "/" + instance + std::string(k_suffix));
    const auto last = std::ranges::find(files, tail.id, id_of);
    if (!tail.file.valid() && last != files.end()) tail.file = std::move(*last);
    const auto before = tail.offset;
    if (tail.file.valid()) read_rest(instance, tail, k_log_poll_bytes_max, lines);
    auto next = last == files.end() ? first_behind(files, tail.id) : last + 1;
    if (next == files.end() && tail.offset == before) tail.file.reset();
    for (; next != files.end(); ++next) go_to(std::move(*next), tail, instance, lines);
    return lines;
}

void LogReader::go_to(Fd file, Tail& tail, const std::string& instance,
                      std::vector<LogLine>& lines) {
    tail.id = id_of(file);
    tail.file = std::move(file);
    tail.offset = 0;
    tail.torn.clear();
    read_rest(instance, tail, std::numeric_limits<std::size_t>::max(), lines);
}

void LogReader::read_rest(const std::string& instance, Tail& tail, std::size_t bytes_max,
                          std::vector<LogLine>& lines) {
    const auto size = size_of(tail.file);
    if (size < tail.offset) tail.offset = 0;  // somebody has emptied it
    auto unread = static_cast<std::size_t>(size - tail.offset);
    const auto first = lines.size();
    const bool skips = unread > bytes_max;
    if (skips) {
        const auto skipped = unread - bytes_max;
        tail.offset += static_cast<std::int64_t>(skipped);
        unread = bytes_max;
        tail.torn.clear();
        lines.push_back(
            {.at = first == 0 ? WallTime{} : lines.back().at,
             .instance = InstanceId(instance),
             .process = process_of(instance),
             .is_error = true,
             .text = fmt::format("[{} bytes passed over: logs faster than it is read]", skipped),
             .position = position_of(instance, tail, tail.offset)});
    }
    const auto bytes = read_range(tail.file.get(), tail.offset, unread);
    tail.offset += static_cast<std::int64_t>(bytes.size());
    const std::string joined = tail.torn + bytes;
    auto end = tail.offset - static_cast<std::int64_t>(joined.size());
    each_line(joined, [&](std::string_view text) {
        end += static_cast<std::int64_t>(text.size()) + 1;
        auto raw = tail.assembler.feed(text);
        if (!raw) return;
        lines.push_back({.at = raw->at,
                         .instance = InstanceId(instance),
                         .process = process_of(instance),
                         .is_error = raw->is_error,
                         .text = std::move(raw->text),
                         .position = position_of(instance, tail, end)});
    });
    tail.torn = joined.substr(joined.rfind('\n') + 1);  // npos + 1 is 0: no whole line yet
    if (tail.torn.size() > k_log_poll_bytes_max) tail.torn.clear();
    if (skips && lines.size() > first + 1) lines[first].at = lines[first + 1].at;
}

std::vector<LogLine> LogReader::poll() {
    std::vector<LogLine> lines;
    const auto all = instances();
    for (const auto& instance : all) {
        for (auto& line : read_new(instance, tails_[instance])) lines.push_back(std::move(line));
    }
    std::erase_if(tails_,
                  [&](const auto& entry) { return !std::ranges::binary_search(all, entry.first); });
    sort_by_time(lines);
    return lines;
}

Status prune_logs(const DataDir& data, const std::function<bool(const std::string&)>& is_live) {
    namespace fs = std::filesystem;
    // By folder and instance: when it was written to last.
    std::map<fs::path, std::map<std::string, fs::file_time_type>> ended;
    std::error_code error;
    for (const auto& entry : fs::recursive_directory_iterator(data.logs(), error)) {
        const auto name = instance_of(entry.path().filename().string());
        if (name.empty() || is_live(name)) continue;
        std::error_code gone;
        const auto written = fs::last_write_time(entry.path(), gone);
        if (gone) continue;
        auto& newest = ended[entry.path().parent_path()][name];
        newest = std::max(newest, written);
    }
    if (error && error != std::errc::no_such_file_or_directory) {
        return fail(error_from_errno(error.value(), "walk " + data.logs()));
    }
    for (const auto& [folder, instances] : ended) {
        if (instances.size() <= k_ended_logs_kept) continue;
        std::vector<std::pair<fs::file_time_type, std::string>> by_age;
        for (const auto& [name, written] : instances) by_age.emplace_back(written, name);
        std::ranges::sort(by_age);
        by_age.resize(by_age.size() - k_ended_logs_kept);
        for (const auto& [written, name] : by_age) {
            const auto log = (folder / name).string() + std::string(k_suffix);
            for (const auto kind : k_files) fs::remove(log + std::string(kind), error);
        }
    }
    return {};
}

}  // namespace moln
