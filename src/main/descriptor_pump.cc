#include "main/descriptor_pump.h"

#include <algorithm>
#include <array>
#include <deque>
#include <utility>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/write.hpp>
#include <fcntl.h>
#include <unistd.h>

#include "io/host/asio_context.h"

namespace moln {
namespace {

namespace asio = boost::asio;
using Code = boost::system::error_code;
using Descriptor = asio::posix::stream_descriptor;

int copy_of(int fd) {
    return ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

class Reader final : public DescriptorReader, public std::enable_shared_from_this<Reader> {
public:
    Reader(HostLoop& loop, int fd) : source_(asio_context(loop), copy_of(fd)) {}

    void on_bytes(std::function<void(std::string)> callback) override {
        bytes_ = std::move(callback);
    }
    void on_closed(std::function<void()> callback) override { closed_ = std::move(callback); }
    void pause() override { is_paused_ = true; }
    void resume() override {
        is_paused_ = false;
        read_next();
    }

    void read_next() {
        if (is_reading_ || is_paused_ || is_over_) return;
        is_reading_ = true;
        source_.async_read_some(asio::buffer(buffer_),
                                [weak = weak_from_this()](Code code, std::size_t count) {
                                    if (const auto self = weak.lock()) self->take(code, count);
                                });
    }

private:
    void take(Code code, std::size_t count) {
        is_reading_ = false;
        // A terminal whose programs have all ended says EIO instead of end of file.
        if (code) {
            is_over_ = true;
            if (closed_) std::exchange(closed_, nullptr)();
            return;
        }
        if (bytes_) bytes_(std::string(buffer_.data(), count));
        read_next();
    }

    Descriptor source_;
    std::function<void(std::string)> bytes_;
    std::function<void()> closed_;
    std::array<char, 16 * 1024> buffer_{};
    bool is_reading_ = false;
    bool is_paused_ = false;
    bool is_over_ = false;
};

class Writer final : public DescriptorWriter, public std::enable_shared_from_this<Writer> {
public:
    Writer(HostLoop& loop, int fd, WriterOptions options)
        : sink_(asio_context(loop), copy_of(fd)), options_(std::move(options)) {}

    void write(std::string bytes) override {
        if (is_over_) return;
        is_over_ = bytes.empty();
        waiting_ += bytes.size();
        queue_.push_back(std::move(bytes));
        if (queue_.size() == 1) write_next();
    }
    std::size_t waiting() const override { return waiting_; }
    void on_taken(std::function<void()> callback) override { taken_ = std::move(callback); }

private:
    void write_next() {
        if (queue_.front().empty()) {
            Code ignored;
            sink_.close(ignored);
            if (options_.ended) std::exchange(options_.ended, nullptr)();
            return;
        }
        auto piece = asio::buffer(queue_.front()) + written_;
        if (options_.piece_bytes_max != 0) piece = asio::buffer(piece, options_.piece_bytes_max);
        asio::async_write(sink_, piece, [weak = weak_from_this()](Code code, std::size_t count) {
            if (const auto self = weak.lock()) self->note(code, count);
        });
    }

    void note(Code code, std::size_t count) {
        written_ += count;
        waiting_ -= count;
        if (code) {
            // Nobody reads it any more: no reason to keep whoever writes waiting.
            is_over_ = true;
            waiting_ = 0;
            queue_.clear();
        } else {
            if (written_ == queue_.front().size()) {
                queue_.pop_front();
                written_ = 0;
            }
            if (!queue_.empty()) write_next();
        }
        if (taken_) taken_();
    }

    Descriptor sink_;
    WriterOptions options_;
    std::function<void()> taken_;
    std::deque<std::string> queue_;
    std::size_t written_ = 0;  // of the first
    std::size_t waiting_ = 0;
    bool is_over_ = false;
};

}  // namespace

std::shared_ptr<DescriptorReader> read_descriptor(HostLoop& loop, int fd) {
    auto reader = std::make_shared<Reader>(loop, fd);
    reader->read_next();
    return reader;
}

std::shared_ptr<DescriptorWriter> write_descriptor(HostLoop& loop, int fd, WriterOptions options) {
    return std::make_shared<Writer>(loop, fd, std::move(options));
}

std::shared_ptr<void> when_readable(HostLoop& loop, int fd, std::function<void()> callback) {
    auto watched = std::make_shared<Descriptor>(asio_context(loop), copy_of(fd));
    watched->async_wait(Descriptor::wait_read, [weak = std::weak_ptr<Descriptor>(watched),
                                                callback = std::move(callback)](Code code) {
        if (!code && !weak.expired()) callback();
    });
    return watched;
}

}  // namespace moln
