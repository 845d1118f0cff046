// Reads of what is being sent that would have to wait for the disk, on threads that may wait. What
// the kernel has in memory never comes here.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "io/file/fd.h"

namespace moln::edge_loop {

struct WorkerPort;

// One read for one request: a request has one at a time, so that there are never more than
// requests.
struct FileRead {
    enum class State : std::uint8_t { pending, done, failed };

    std::shared_ptr<const Fd> file;
    std::uint64_t at = 0;
    std::size_t wanted = 0;
    std::string bytes;            // wanted, once it is done
    WorkerPort* asker = nullptr;  // told by file_news
    std::atomic<State> state = State::pending;
};

class FileReader {
public:
    static constexpr std::size_t k_threads = 2;

    FileReader() = default;
    FileReader(const FileReader&) = delete;
    FileReader& operator=(const FileReader&) = delete;

    // Before it nothing is read. The threads end with the reader.
    void start();
    // Any worker. One that nobody holds any more when its turn comes is not read.
    void read(std::shared_ptr<FileRead> wish);
    // Have all threads been at one read each for edge::k_cache_load_limit?
    bool stands_still(std::int64_t now_ms) const;

private:
    using Since = std::atomic<std::int64_t>;  // of a read, by the monotonic clock; 0: none
    void work(const std::stop_token& stop, Since& reading_since_ms);

    std::mutex mutex_;  // of waiting_
    std::deque<std::shared_ptr<FileRead>> waiting_;
    std::condition_variable_any news_;
    std::array<Since, k_threads> reading_since_ms_{};
    std::vector<std::jthread> threads_;  // last: they use the others
};

enum class Patience : std::uint8_t {
    none,  // only what the kernel has in memory
    any,   // waits for the disk
};

// So many bytes from `at`, or fewer if not all of them are in memory; 0: none is. -1: the disk gave
// an error, or the file is shorter than it was.
std::ptrdiff_t read_file_bytes(const Fd& file, std::uint64_t at, std::span<char> room,
                               Patience patience);

}  // namespace moln::edge_loop
