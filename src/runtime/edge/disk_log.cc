#include "runtime/edge/disk_log.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/check.h"
#include "edge/cache/disk_record.h"
#include "edge/limits.h"

namespace moln::edge_loop {
namespace {

constexpr std::string_view k_prefix = "segment-";
constexpr std::size_t k_digits = 10;
constexpr std::size_t k_scan_piece = 256 * 1024;  // of a segment without a table, read at once

// 0: it is no segment's name.
std::uint32_t number_of(std::string_view name) {
    if (!name.starts_with(k_prefix) || name.size() != k_prefix.size() + k_digits) return 0;
    std::uint64_t number = 0;
    for (const char c : name.substr(k_prefix.size())) {
        if (c < '0' || c > '9') return 0;
        number = number * 10 + static_cast<std::uint64_t>(c - '0');
    }
    return number > ~std::uint32_t{0} ? 0 : static_cast<std::uint32_t>(number);
}

std::string name_of(std::uint32_t number) {
    return fmt::format("{}{:0{}}", k_prefix, number, k_digits);
}

// Reads ahead, so that neighbouring heads are one call.
class FileBytes final : public edge::SegmentBytes {
public:
    explicit FileBytes(const Fd& file) : file_(file) {}

    std::string_view read(std::uint64_t at, std::size_t size) override {
        const bool here = at >= at_ && at + size <= at_ + piece_.size();
        if (!here) {
            piece_ = read_some(file_, at, std::max(size, k_scan_piece));
            at_ = at;
        }
        return std::string_view(piece_).substr(at - at_, size);
    }

private:
    const Fd& file_;
    std::string piece_;
    std::uint64_t at_ = 0;
};

std::optional<edge::FoundRecords> read_table(const Fd& file, std::uint64_t size,
                                             std::uint64_t epoch, std::uint32_t number) {
    if (size < edge::k_disk_table_end_bytes) return std::nullopt;
    const auto end =
        read_some(file, size - edge::k_disk_table_end_bytes, edge::k_disk_table_end_bytes);
    const auto length = edge::peek_segment_table(end);
    if (!length || *length + edge::k_disk_table_end_bytes > size) return std::nullopt;
    const std::uint64_t at = size - edge::k_disk_table_end_bytes - *length;
    const auto bytes = read_some(file, at, *length + edge::k_disk_table_end_bytes);
    return edge::read_segment_table(bytes, epoch, number, at);
}

}  // namespace

std::string read_some(const Fd& file, std::uint64_t at, std::size_t size) {
    std::string out(size, '\0');
    std::size_t got = 0;
    while (got < size) {
        const ssize_t some =
            ::pread(file.get(), out.data() + got, size - got, static_cast<off_t>(at + got));
        if (some < 0 && errno == EINTR) continue;
        if (some <= 0) break;
        got += static_cast<std::size_t>(some);
    }
    out.resize(got);
    return out;
}

// At most a thousand segments, at best none larger than 64 MiB: dropping one loses little. Not
// below 256 KiB, where heads and tables would be most of it.
std::uint64_t disk_segment_bytes(std::uint64_t limit) {
    const std::uint64_t wanted = std::min(limit / 16, edge::k_cache_disk_segment_wanted);
    return std::clamp(std::max(wanted, limit / edge::k_cache_disk_segments_wanted),
                      edge::k_cache_disk_segment_min, edge::k_cache_disk_segment_max);
}

DiskLog::DiskLog(const Folder& folder, std::uint64_t epoch, std::uint64_t limit)
    : folder_(folder),
      epoch_(epoch),
      limit_(limit),
      segment_bytes_(disk_segment_bytes(limit)),
      limit_now_(limit) {}

Result<DiskLog::Segment> DiskLog::open_segment(std::uint32_t number, int flags) const {
    Segment segment{.number = number, .name = name_of(number), .bytes = 0, .file = nullptr};
    MOLN_ASSIGN(auto fd, folder_.open_file(segment.name, flags, 0600));
    const off_t size = ::lseek(fd.get(), 0, SEEK_END);
    if (size < 0) return fail(error_from_errno(errno, "size of " + folder_.path_of(segment.name)));
    segment.bytes = static_cast<std::uint64_t>(size);
    segment.file = std::make_shared<SharedFile>(std::move(fd));
    return segment;
}

Status DiskLog::open() {
    MOLN_ASSIGN(const auto names, folder_.names());
    for (const std::string& name : names) {
        const std::uint32_t number = number_of(name);
        if (number == 0) continue;
        next_number_ = std::max(next_number_, number + 1);
        auto segment = open_segment(number, O_RDWR);
        if (!segment) return fail(segment.error());
        const auto head = read_some(segment->file->fd, 0, edge::k_disk_segment_head_bytes);
        const bool holds = segment->bytes > edge::k_disk_segment_head_bytes &&
                           edge::is_segment_head(head, epoch_, number);
        if (!holds) {
            MOLN_TRY(folder_.remove(name));
            continue;
        }
        bytes_ += segment->bytes;
        const std::lock_guard lock(mutex_);
        segments_.emplace(number, std::move(*segment));
    }
    measure_limit();
    return {};
}

bool DiskLog::recover(edge::FoundRecords& out) {
    const auto at = segments_.upper_bound(recovered_);
    if (at == segments_.end()) return false;
    const Segment& segment = at->second;
    recovered_ = segment.number;
    if (auto table = read_table(segment.file->fd, segment.bytes, epoch_, segment.number)) {
        out = std::move(*table);
    } else {
        FileBytes bytes(segment.file->fd);
        out = edge::scan_segment(bytes, segment.bytes, epoch_, segment.number);
    }
    return true;
}

// What others need of the disk is left to them: at most half of what is free, with what we have.
void DiskLog::measure_limit() {
    const auto free = folder_.free_bytes();
    const std::uint64_t share = free ? (bytes_ + *free) / edge::k_cache_disk_free_part : limit_;
    limit_now_ = std::min(limit_, share);
}

bool DiskLog::needs_segment(std::uint64_t bytes) const {
    return current_ == nullptr || current_->bytes + bytes > segment_bytes_;
}

// With room for the segment that is begun, its table, and what is carried over into it before the
// oldest goes.
bool DiskLog::too_large() const {
    const std::size_t segments = count();
    if (segments == 0) return false;
    return bytes_ + segment_bytes_ + segment_bytes_ / 2 > limit_now_ ||
           segments >= edge::k_cache_disk_segments_max;
}

std::size_t DiskLog::count() const {
    const std::lock_guard lock(mutex_);
    return segments_.size();
}

std::uint32_t DiskLog::oldest() const {
    const std::lock_guard lock(mutex_);
    return segments_.empty() ? 0 : segments_.begin()->first;
}

Status DiskLog::seal(std::span<const edge::DiskPlace> places, std::span<const std::string> names) {
    if (current_ == nullptr) return {};
    std::string table;
    edge::put_segment_table(table, places, names, epoch_);
    const std::uint64_t end = current_->bytes;
    const auto written = write(end, table);
    if (written) commit(end + table.size());
    // What a record that was given up left behind is no part of it.
    if (written &&
        ::ftruncate(current_->file->fd.get(), static_cast<off_t>(current_->bytes)) != 0) {
        return fail(error_from_errno(errno, "cut " + folder_.path_of(current_->name)));
    }
    current_ = nullptr;
    return written;
}

Status DiskLog::begin_segment(std::span<const edge::DiskPlace> places,
                              std::span<const std::string> names) {
    MOLN_TRY(seal(places, names));
    measure_limit();
    const std::uint32_t number = next_number_;
    MOLN_ASSIGN(auto segment, open_segment(number, O_RDWR | O_CREAT | O_EXCL));
    ++next_number_;
    {
        const std::lock_guard lock(mutex_);
        current_ = &segments_.emplace(number, std::move(segment)).first->second;
    }
    std::string head;
    edge::put_segment_head(head, epoch_, number);
    const auto written = write(0, head);
    if (!written) {
        (void)folder_.remove(current_->name);
        forget(*std::exchange(current_, nullptr));
        return written;
    }
    commit(head.size());
    return {};
}

// Whoever reads slowly must not keep more of the disk than the log has for that.
void DiskLog::hold(const Segment& segment) {
    segment.file->dropped = true;
    std::erase_if(held_, [](const Held& one) { return one.file.expired(); });
    held_.push_back({.file = segment.file, .bytes = segment.bytes});
    std::uint64_t bytes = 0;
    for (const Held& one : held_) bytes += one.bytes;
    while (bytes > limit_ / edge::k_cache_disk_held_part && held_.size() > 1) {
        const auto file = held_.front().file.lock();
        if (file && ::ftruncate(file->fd.get(), 0) != 0) return;  // by the next, then
        bytes -= held_.front().bytes;
        held_.pop_front();
    }
}

void DiskLog::forget(const Segment& segment) {
    bytes_ -= segment.bytes;
    hold(segment);
    const std::lock_guard lock(mutex_);
    segments_.erase(segment.number);
}

Status DiskLog::drop_oldest() {
    CHECK(!segments_.empty());
    const Segment& oldest = segments_.begin()->second;
    if (&oldest == current_) current_ = nullptr;
    const auto removed = folder_.remove(oldest.name);
    forget(oldest);
    return removed;
}

Status DiskLog::write(std::uint64_t at, std::string_view bytes) {
    return write_to(current_->file->fd, current_->name, at, bytes);
}

Status DiskLog::mark(std::uint32_t segment, std::uint64_t at, std::string_view magic) {
    const auto file = pin(segment);
    if (!file) return {};
    return write_to(file->fd, name_of(segment), at, magic);
}

Status DiskLog::write_to(const Fd& file, const std::string& name, std::uint64_t at,
                         std::string_view bytes) const {
    while (!bytes.empty()) {
        const ssize_t some =
            ::pwrite(file.get(), bytes.data(), bytes.size(), static_cast<off_t>(at));
        if (some < 0 && errno == EINTR) continue;
        if (some <= 0) {
            return fail(
                error_from_errno(some == 0 ? ENOSPC : errno, "write " + folder_.path_of(name)));
        }
        at += static_cast<std::uint64_t>(some);
        bytes.remove_prefix(static_cast<std::size_t>(some));
    }
    return {};
}

void DiskLog::commit(std::uint64_t end) {
    bytes_ += end - current_->bytes;
    current_->bytes = end;
}

std::shared_ptr<const SharedFile> DiskLog::pin(std::uint32_t segment) const {
    const std::lock_guard lock(mutex_);
    const auto at = segments_.find(segment);
    return at == segments_.end() ? nullptr : at->second.file;
}

}  // namespace moln::edge_loop
