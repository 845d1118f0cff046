// Bodies of requests that are kept past memory, for sending them again to another instance: each in
// a file without a name, below the edge's state directory, that is gone with its request. The store
// is shared by all workers, its files are one worker's each.
//
// Writing and reading do not block noticeably: pieces are at most a buffer long, and what all keep
// together is so little that the kernel takes and holds it in memory (edge/limits.h).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>

#include "edge/limits.h"
#include "runtime/edge/buffer.h"
#include "runtime/edge/folder.h"

namespace moln::edge_loop {

struct ReplayLimits {
    std::uint64_t bytes_max = edge::k_replay_total_bytes_max;
    std::uint32_t files_max = edge::k_replay_files_max;
};

class ReplayStore {
public:
    explicit ReplayStore(Folder folder, ReplayLimits limits = {});
    // As much as this machine's memory and that folder's disk allow.
    static ReplayLimits limits_of_host(const Folder& folder);

    std::uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
    std::uint32_t files() const { return files_.load(std::memory_order_relaxed); }
    std::uint64_t kept_total() const { return kept_total_.load(std::memory_order_relaxed); }
    std::uint64_t refused_total() const { return refused_total_.load(std::memory_order_relaxed); }

private:
    friend class ReplayFile;
    bool take(std::uint64_t bytes);
    Result<Fd> make_file();

    Folder folder_;
    ReplayLimits limits_;
    std::atomic<std::uint64_t> bytes_ = 0;
    std::atomic<std::uint32_t> files_ = 0;
    std::atomic<std::uint64_t> names_ = 0;  // where the file system knows no file without a name
    std::atomic<std::uint64_t> kept_total_ = 0;     // files
    std::atomic<std::uint64_t> refused_total_ = 0;  // bodies that were let go for want of room
};

// One request's. It is written while the body is passed on, and read when that begins anew.
class ReplayFile {
public:
    // Null: there is no room for one more.
    static std::unique_ptr<ReplayFile> make(ReplayStore& store, BufferPool& buffers);
    ReplayFile(const ReplayFile&) = delete;
    ReplayFile& operator=(const ReplayFile&) = delete;
    ~ReplayFile();

    std::uint64_t size() const { return size_; }
    // False: there is no room; the file is of no use any more.
    bool append(std::string_view data);

    // From the first byte again.
    void rewind();
    // Is some of it still to be read?
    bool reading() const { return read_ < size_ || (piece_ != nullptr && !piece_->empty()); }
    // Makes piece() hold some of what is to be read. False: it cannot be read.
    bool load();
    std::string_view piece() const {
        return piece_ == nullptr ? std::string_view() : piece_->view();
    }
    void consume(std::size_t bytes) { piece_->consume(bytes); }

private:
    ReplayFile(ReplayStore& store, BufferPool& buffers, Fd fd)
        : store_(store), buffers_(buffers), fd_(std::move(fd)) {}

    ReplayStore& store_;
    BufferPool& buffers_;
    Fd fd_;
    std::uint64_t size_ = 0;
    std::uint64_t read_ = 0;
    Buffer* piece_ = nullptr;
};

}  // namespace moln::edge_loop
