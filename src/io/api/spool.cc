#include "io/api/spool.h"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace moln::io {
namespace {

constexpr const char* k_what = "upload under the data directory";

}  // namespace

struct Spool::File {
    std::string path;
    int fd = -1;

    ~File() {
        if (fd >= 0) ::close(fd);
    }

    Status append(const std::string& bytes) {
        if (fd < 0) {
            fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
            if (fd < 0) return fail(error_from_errno(errno, k_what));
        }
        std::size_t done = 0;
        while (done < bytes.size()) {
            const auto count = ::write(fd, bytes.data() + done, bytes.size() - done);
            if (count < 0 && errno == EINTR) continue;
            if (count < 0) return fail(error_from_errno(errno, k_what));
            done += static_cast<std::size_t>(count);
        }
        return {};
    }
};

Spool::Spool(Loop& loop, std::string path)
    : loop_(loop), path_(std::move(path)), file_(std::make_shared<File>()) {
    file_->path = path_;
}

Spool::~Spool() {
    // In the pool and after every append of this file: removing gigabytes takes its time.
    loop_.submit(
        "spool " + path_, [file = std::move(file_)] { ::unlink(file->path.c_str()); }, [] {});
}

void Spool::append(std::string bytes, std::function<void(Status)> done) {
    run_blocking<Status>(
        loop_, "spool " + path_,
        [file = file_, bytes = std::move(bytes)] { return file->append(bytes); }, std::move(done));
}

}  // namespace moln::io
