#include "io/host/signals.h"

#include <csignal>
#include <utility>

#include <boost/asio/signal_set.hpp>

#include "io/host/asio_context.h"

namespace moln {

struct StopSignals::Impl {
    Impl(HostLoop& loop, std::function<void(int)> on_signal)
        : signals(asio_context(loop), SIGINT, SIGTERM, SIGUSR2), callback(std::move(on_signal)) {}

    void wait() {
        // Destruction cancels the wait; the handler then comes with an error and touches nothing.
        signals.async_wait([this](const boost::system::error_code& error, int number) {
            if (error) return;
            wait();
            callback(number);
        });
    }

    boost::asio::signal_set signals;
    std::function<void(int)> callback;
};

StopSignals::StopSignals(HostLoop& loop, std::function<void(int)> callback)
    : impl_(std::make_unique<Impl>(loop, std::move(callback))) {
    impl_->wait();
}

StopSignals::~StopSignals() = default;

}  // namespace moln
