// GET /metrics on its own loopback port, one answer a connection. For Prometheus; not for clients.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>

#include "io/file/fd.h"
#include "io/net/epoll.h"
#include "runtime/edge/control_listener.h"
#include "runtime/edge/control_part.h"

namespace moln::edge_loop {

inline constexpr std::size_t k_metrics_readers_max = 16;
inline constexpr std::int64_t k_metrics_reader_ms_max = 5000;
inline constexpr std::size_t k_metrics_request_bytes_max = 8 * 1024;

class MetricsServer : public ControlPart {
public:
    MetricsServer(net::Epoll& epoll, std::function<std::string()> text)
        : epoll_(epoll), text_(std::move(text)), listener_(epoll, *this) {}

    Status listen(Fd listener);
    void on_event(std::uint32_t events, std::int64_t now_ms) override;
    // Another process accepts on the same socket.
    void leave() { listener_.leave(); }
    // Closes readers that are done or too slow, and accepts again after a pause; between turns
    // only.
    void drop_ended(std::int64_t now_ms);
    std::int64_t resume_due_ms() const { return listener_.resume_due_ms(); }
    bool empty() const { return readers_.empty(); }

private:
    struct Reader : ControlPart {
        explicit Reader(MetricsServer& server) : owner(server) {}
        void on_event(std::uint32_t events, std::int64_t now_ms) override;
        MetricsServer& owner;
        Fd fd;
        std::string request;
        std::string answer;
        std::size_t sent = 0;
        std::int64_t until_ms = 0;
        bool ended = false;
    };

    void serve(Reader& reader);
    void answer(Reader& reader);

    net::Epoll& epoll_;
    std::function<std::string()> text_;
    ControlListener listener_;
    std::list<std::unique_ptr<Reader>> readers_;
};

}  // namespace moln::edge_loop
