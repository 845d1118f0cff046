#include "runtime/edge/file_reader.h"

#include <algorithm>
#include <cerrno>
#include <span>

#include <sys/uio.h>

#include "runtime/edge/core.h"

namespace moln::edge_loop {

void FileReader::start() {
    for (Since& since_ms : reading_since_ms_) {
        threads_.emplace_back(
            [this, &since_ms](const std::stop_token& stop) { work(stop, since_ms); });
    }
}

void FileReader::read(std::shared_ptr<FileRead> wish) {
    {
        const std::lock_guard lock(mutex_);
        waiting_.push_back(std::move(wish));
    }
    news_.notify_one();
}

bool FileReader::stands_still(std::int64_t now_ms) const {
    const std::int64_t late_ms = now_ms - edge::k_cache_load_limit.count;
    return std::ranges::all_of(reading_since_ms_, [&](const Since& since) {
        const std::int64_t since_ms = since.load(std::memory_order_relaxed);
        return since_ms != 0 && since_ms <= late_ms;
    });
}

void FileReader::work(const std::stop_token& stop, Since& reading_since_ms) {
    for (;;) {
        std::shared_ptr<FileRead> wish;
        {
            std::unique_lock lock(mutex_);
            if (!news_.wait(lock, stop, [this] { return !waiting_.empty(); })) return;
            wish = std::move(waiting_.front());
            waiting_.pop_front();
        }
        if (wish.use_count() == 1) continue;  // its client left
        reading_since_ms = clock_now(Clock::mono_us) / 1000;
        wish->bytes.resize(wish->wanted);
        const auto got = read_file_bytes(*wish->file, wish->at, wish->bytes, Patience::any);
        reading_since_ms = 0;
        const bool whole = std::cmp_equal(got, wish->wanted);
        wish->state = whole ? FileRead::State::done : FileRead::State::failed;
        WorkerPort& asker = *wish->asker;
        if (!asker.file_news.exchange(true)) asker.wake.ring();
    }
}

std::ptrdiff_t read_file_bytes(const Fd& file, std::uint64_t at, std::span<char> room,
                               Patience patience) {
    const int flags = patience == Patience::none ? RWF_NOWAIT : 0;
    std::size_t done = 0;
    while (done < room.size()) {
        iovec piece{.iov_base = room.data() + done, .iov_len = room.size() - done};
        const auto got = ::preadv2(file.get(), &piece, 1, static_cast<off_t>(at + done), flags);
        if (got < 0 && errno == EINTR) continue;
        // Or the file system cannot tell: then others find out.
        const bool waits = got < 0 && (errno == EAGAIN || errno == EOPNOTSUPP);
        if (waits && patience == Patience::none) break;
        if (got <= 0) return -1;
        done += static_cast<std::size_t>(got);
        // The rest is not in memory.
        if (patience == Patience::none) break;
    }
    return static_cast<std::ptrdiff_t>(done);
}

}  // namespace moln::edge_loop
