#include "runtime/edge/replay_store.h"

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace moln::edge_loop {

ReplayStore::ReplayStore(Folder folder, ReplayLimits limits)
    : folder_(std::move(folder)), limits_(limits) {}

ReplayLimits ReplayStore::limits_of_host(const Folder& folder) {
    const auto pages = static_cast<std::uint64_t>(std::max(sysconf(_SC_PHYS_PAGES), 0L));
    const auto page = static_cast<std::uint64_t>(std::max(sysconf(_SC_PAGESIZE), 0L));
    ReplayLimits limits;
    limits.bytes_max = std::min(limits.bytes_max, pages * page / edge::k_replay_memory_part);
    const auto free = folder.free_bytes();
    if (free) limits.bytes_max = std::min(limits.bytes_max, *free / edge::k_replay_free_part);
    return limits;
}

bool ReplayStore::take(std::uint64_t bytes) {
    if (bytes_.fetch_add(bytes) + bytes <= limits_.bytes_max) return true;
    bytes_.fetch_sub(bytes);
    return false;
}

// Not every file system has files without a name: then one whose name goes at once.
Result<Fd> ReplayStore::make_file() {
    constexpr int k_mode = 0600;
    auto nameless = folder_.open_file(".", O_TMPFILE | O_RDWR, k_mode);
    if (nameless) return nameless;
    const std::string name =
        "replay-" + std::to_string(getpid()) + "-" + std::to_string(names_.fetch_add(1));
    MOLN_ASSIGN(auto named, folder_.open_file(name, O_CREAT | O_EXCL | O_RDWR, k_mode));
    MOLN_TRY(folder_.remove(name));
    return named;
}

std::unique_ptr<ReplayFile> ReplayFile::make(ReplayStore& store, BufferPool& buffers) {
    Result<Fd> fd = fail(ErrorCode::refused, "too many files");
    if (store.files_.fetch_add(1) < store.limits_.files_max) fd = store.make_file();
    if (!fd) {
        store.files_.fetch_sub(1);
        store.refused_total_.fetch_add(1);
        return nullptr;
    }
    store.kept_total_.fetch_add(1);
    return std::unique_ptr<ReplayFile>(new ReplayFile(store, buffers, std::move(*fd)));
}

ReplayFile::~ReplayFile() {
    buffers_.take_back(&piece_);
    fd_.reset();
    store_.bytes_.fetch_sub(size_);
    store_.files_.fetch_sub(1);
}

bool ReplayFile::append(std::string_view data) {
    if (!store_.take(data.size())) {
        store_.refused_total_.fetch_add(1);
        return false;
    }
    size_ += data.size();  // taken: given back with the rest, written or not
    auto at = static_cast<off_t>(size_ - data.size());
    while (!data.empty()) {
        const ssize_t put = ::pwrite(fd_.get(), data.data(), data.size(), at);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) {
            store_.refused_total_.fetch_add(1);
            return false;
        }
        data.remove_prefix(static_cast<std::size_t>(put));
        at += put;
    }
    read_ = size_;  // it is passed on from where it came
    return true;
}

void ReplayFile::rewind() {
    buffers_.take_back(&piece_);
    read_ = 0;
}

bool ReplayFile::load() {
    if (read_ == size_) {
        if (piece_ != nullptr && piece_->empty()) buffers_.take_back(&piece_);
        return true;
    }
    if (piece_ == nullptr) piece_ = buffers_.lend();
    if (piece_ == nullptr) return false;
    // A line that is not whole yet stays in front of what follows.
    if (piece_->size() > Buffer::capacity() / 2) return true;
    piece_->compact();
    const auto wanted = std::min<std::uint64_t>(piece_->room(), size_ - read_);
    ssize_t got = 0;
    do {
        got = ::pread(fd_.get(), piece_->tail(), wanted, static_cast<off_t>(read_));
    } while (got < 0 && errno == EINTR);
    if (got <= 0) return false;
    piece_->end += static_cast<std::size_t>(got);
    read_ += static_cast<std::uint64_t>(got);
    return true;
}

}  // namespace moln::edge_loop
