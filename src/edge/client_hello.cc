#include "edge/client_hello.h"

#include <algorithm>
#include <cstring>
#include <optional>

namespace moln::edge {
namespace {

constexpr std::uint8_t k_record_handshake = 22;
constexpr std::size_t k_record_head = 5;
constexpr std::size_t k_record_bytes_max = 1u << 14;
constexpr char k_client_hello = 1;
constexpr std::size_t k_message_head = 4;
constexpr std::uint16_t k_extension_server_name = 0;
constexpr std::uint8_t k_name_of_host = 0;

// Takes from the front; once something is missing, `good` stays false.
class Reader {
public:
    explicit Reader(std::string_view bytes) : rest_(bytes) {}

    std::size_t number(std::size_t bytes) {
        std::size_t value = 0;
        for (const char c : take(bytes)) value = value << 8 | static_cast<std::uint8_t>(c);
        return value;
    }
    std::string_view take(std::size_t bytes) {
        if (bytes > rest_.size()) {
            good_ = false;
            rest_ = {};
            return {};
        }
        const auto taken = rest_.substr(0, bytes);
        rest_.remove_prefix(bytes);
        return taken;
    }
    // A vector: its length in `bytes` bytes, then so many.
    std::string_view vector(std::size_t bytes) { return take(number(bytes)); }
    bool good() const { return good_; }
    bool empty() const { return rest_.empty(); }

private:
    std::string_view rest_;
    bool good_ = true;
};

// The handshake's bytes without the records' heads, as far as they are here.
struct Message {
    std::array<char, k_client_hello_bytes_max> room;
    std::size_t size = 0;

    std::string_view text() const { return {room.data(), size}; }
    // With its own head; k_message_head until that is here.
    std::size_t wanted() const {
        if (size < k_message_head) return k_message_head;
        return k_message_head + Reader(text().substr(1)).number(3);
    }
};

// done: the message is whole. What follows it, as early data, is not looked at.
HelloProgress unwrap(std::string_view bytes, Message& message) {
    const bool all = bytes.size() < k_client_hello_bytes_max;
    bytes = bytes.substr(0, k_client_hello_bytes_max);
    while (!bytes.empty()) {
        const auto type = static_cast<std::uint8_t>(bytes[0]);
        const bool first = message.size == 0;
        if (type != k_record_handshake) {
            return first ? HelloProgress::not_tls : HelloProgress::refused;
        }
        // 0x0301 or 0x0303 of a client of today; 0x03xx all the same (RFC 8446 5.1).
        if (bytes.size() > 1 && bytes[1] != 3) {
            return first ? HelloProgress::not_tls : HelloProgress::refused;
        }
        if (bytes.size() < k_record_head) break;
        const std::size_t size = Reader(bytes.substr(3, 2)).number(2);
        if (size == 0 || size > k_record_bytes_max) return HelloProgress::refused;
        const auto content = bytes.substr(k_record_head, size);
        std::memcpy(message.room.data() + message.size, content.data(), content.size());
        message.size += content.size();
        bytes.remove_prefix(k_record_head + content.size());
        if (message.size > 0 && message.text()[0] != k_client_hello) return HelloProgress::refused;
        if (message.wanted() > k_client_hello_bytes_max) return HelloProgress::refused;
        if (message.size >= k_message_head && message.size >= message.wanted()) {
            return HelloProgress::done;
        }
    }
    return all ? HelloProgress::need_more : HelloProgress::refused;
}

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// One list of one host name: RFC 6066 has no other kind, and forbids a second of a kind.
bool read_server_name(std::string_view extension, HelloName& name) {
    Reader outer(extension);
    Reader list(outer.vector(2));
    if (!outer.good() || !outer.empty()) return false;
    const auto kind = list.number(1);
    const auto host = list.vector(2);
    if (!list.good() || !list.empty() || kind != k_name_of_host) return false;
    if (!http::is_host_name(host) || host.size() > name.room.size()) return false;
    name.size = static_cast<std::size_t>(
        std::ranges::transform(host, name.room.begin(), lower).out - name.room.begin());
    return true;
}

bool read_hello(std::string_view body, HelloName& name) {
    Reader hello(body);
    hello.take(2 + 32);  // legacy_version, random
    hello.vector(1);     // legacy_session_id
    const auto suites = hello.vector(2);
    const auto compressions = hello.vector(1);
    if (!hello.good() || suites.empty() || compressions.empty()) return false;
    if (hello.empty()) return true;  // without extensions, as TLS 1.2 allows
    Reader extensions(hello.vector(2));
    if (!hello.good() || !hello.empty()) return false;
    bool named = false;
    while (!extensions.empty()) {
        const auto type = extensions.number(2);
        const auto content = extensions.vector(2);
        if (!extensions.good()) return false;
        if (type != k_extension_server_name) continue;
        if (named || !read_server_name(content, name)) return false;
        named = true;
    }
    return true;
}

}  // namespace

HelloProgress parse_client_hello(std::string_view bytes, HelloName& name) {
    Message message;
    const auto unwrapped = unwrap(bytes, message);
    if (unwrapped != HelloProgress::done) return unwrapped;
    const auto body = message.text().substr(k_message_head, message.wanted() - k_message_head);
    HelloName read;
    if (!read_hello(body, read)) return HelloProgress::refused;
    name = read;
    return HelloProgress::done;
}

}  // namespace moln::edge
