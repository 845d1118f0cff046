#include "main/descriptor_pump.h"

#include <array>
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

class Pump final : public DescriptorPump, public std::enable_shared_from_this<Pump> {
public:
    Pump(HostLoop& loop, int output_fd, int input_fd, std::size_t input_bytes_max,
         std::function<void()> input_ended)
        : output_(asio_context(loop), copy_of(output_fd)),
          input_(asio_context(loop), copy_of(input_fd)),
          input_bytes_max_(input_bytes_max),
          input_ended_(std::move(input_ended)) {}

    void write(std::string bytes) override {
        if (input_over_ || queued_ + bytes.size() > input_bytes_max_) return;
        input_over_ = bytes.empty();
        queued_ += bytes.size();
        queue_.push_back(std::move(bytes));
        if (queue_.size() == 1) write_next();
    }

    void on_bytes(std::function<void(std::string)> callback) override {
        bytes_ = std::move(callback);
    }
    void on_closed(std::function<void()> callback) override { closed_ = std::move(callback); }

    void read_next() {
        output_.async_read_some(asio::buffer(buffer_),
                                [weak = weak_from_this()](Code code, std::size_t count) {
                                    const auto self = weak.lock();
                                    if (!self) return;
                                    // A terminal whose programs have all ended says EIO instead of
                                    // end of file.
                                    if (code) {
                                        if (self->closed_) std::exchange(self->closed_, nullptr)();
                                        return;
                                    }
                                    if (self->bytes_)
                                        self->bytes_(std::string(self->buffer_.data(), count));
                                    self->read_next();
                                });
    }

private:
    void write_next() {
        if (queue_.front().empty()) {
            Code ignored;
            input_.close(ignored);
            if (input_ended_) std::exchange(input_ended_, nullptr)();
            return;
        }
        asio::async_write(input_, asio::buffer(queue_.front()),
                          [weak = weak_from_this()](Code code, std::size_t) {
                              const auto self = weak.lock();
                              if (!self) return;
                              self->queued_ -= self->queue_.front().size();
                              self->queue_.pop_front();
                              if (code) self->input_over_ = true;
                              if (!code && !self->queue_.empty()) self->write_next();
                          });
    }

    Descriptor output_;
    Descriptor input_;
    std::size_t input_bytes_max_;
    std::function<void()> input_ended_;
    std::function<void(std::string)> bytes_;
    std::function<void()> closed_;
    std::array<char, 16 * 1024> buffer_{};
    std::deque<std::string> queue_;
    std::size_t queued_ = 0;
    bool input_over_ = false;
};

}  // namespace

std::shared_ptr<DescriptorPump> pump_descriptors(HostLoop& loop, int output_fd, int input_fd,
                                                 std::size_t input_bytes_max,
                                                 std::function<void()> input_ended) {
    auto pump =
        std::make_shared<Pump>(loop, output_fd, input_fd, input_bytes_max, std::move(input_ended));
    pump->read_next();
    return pump;
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
