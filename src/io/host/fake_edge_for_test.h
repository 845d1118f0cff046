// The control socket of an edge as a test plays it.
#pragma once

#include <functional>
#include <string>
#include <utility>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

#include "io/host/asio_context.h"

namespace moln {

// Accepts one daemon at a time and hands over the lines it sends.
class FakeEdgeSocket {
public:
    FakeEdgeSocket(HostLoop& loop, const std::string& path)
        : acceptor_(asio_context(loop), boost::asio::local::stream_protocol::endpoint(path)),
          peer_(asio_context(loop)) {
        accept();
    }
    void on_line(std::function<void(std::string)> callback) { line_ = std::move(callback); }
    // Once, when the next daemon is there: before it nothing can be said.
    void on_connect(std::function<void()> callback) { connect_ = std::move(callback); }
    void stop_reading() { reads_ = false; }
    void resume_reading() {
        reads_ = true;
        read();
    }
    void say(const std::string& text) { boost::asio::write(peer_, boost::asio::buffer(text)); }
    void drop() {
        peer_.close();
        input_.clear();
    }
    int connections() const { return connections_; }

private:
    void accept() {
        acceptor_.async_accept([this](const boost::system::error_code& error, auto socket) {
            if (error) return;
            ++connections_;
            peer_ = std::move(socket);
            input_.clear();
            if (reads_) read();
            if (const auto tell = std::exchange(connect_, nullptr)) tell();
            accept();
        });
    }
    void read() {
        boost::asio::async_read_until(
            peer_, boost::asio::dynamic_buffer(input_), '\n',
            [this](const boost::system::error_code& error, std::size_t size) {
                if (error) return;
                const auto line = input_.substr(0, size - 1);
                input_.erase(0, size);
                const auto tell = line_;  // it may put another in its place
                if (tell) tell(line);
                if (reads_ && peer_.is_open()) read();
            });
    }
    boost::asio::local::stream_protocol::acceptor acceptor_;
    boost::asio::local::stream_protocol::socket peer_;
    std::string input_;
    std::function<void(std::string)> line_;
    std::function<void()> connect_;
    bool reads_ = true;
    int connections_ = 0;
};

}  // namespace moln
