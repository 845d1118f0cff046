// Heads of HTTP/1 messages: bytes become a value, strictly (RFC 9110, RFC 9112; there is no
// leniency switch). What is refused and how is the list in violation.h. Not bodies: framing.h
// says which body follows, chunked.h takes it apart.
//
// A head holds offsets into the caller's buffer, never copies. The parser resumes where it
// stopped: give it the same bytes and more. The buffer may have moved in between; after `done`
// call rebase() whenever it moves again. No allocation, no exception; one head is about 1 KiB.
//
//   HeadCursor cursor; RequestHead head;
//   switch (auto r = parse_request_head(received, limits, cursor, head); r.progress) …
//
// Policy where the RFCs leave a choice:
// - one empty line (CRLF) before a request line is skipped, a second one is refused;
// - HTTP/1.0 needs a Host too: without it there is nothing to route by;
// - versions other than 1.0 and 1.1 are refused with 505; CONNECT and TRACE with 501;
// - underscores in field names are allowed, they are token characters;
// - a path has visible ASCII without `"<>\#`, every `%` begins a valid triplet, none is %00;
//   a query may also have a backslash and a lone `%`, as browsers send them;
// - an Expect other than 100-continue is refused with 417; in HTTP/1.0 Expect is ignored;
// - a status line may lack the blank before an empty phrase; codes are 100 to 599.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "http/field.h"
#include "http/method.h"
#include "http/violation.h"

namespace moln::http {

inline constexpr std::size_t k_fields_max = 100;
inline constexpr std::size_t k_method_bytes_max = 32;
// Of all values of Connection: every other field is looked for in them.
inline constexpr std::size_t k_connection_bytes_max = 1024;
inline constexpr std::size_t k_head_bytes_ceiling = 65'535;  // offsets are 16 bits wide

struct HeadLimits {
    std::size_t head_bytes_max = 32 * 1024;   // all up to the empty line; <= k_head_bytes_ceiling
    std::size_t target_bytes_max = 8 * 1024;  // beyond: 414
    std::size_t fields_max = k_fields_max;    // <= k_fields_max
};

enum class Version : std::uint8_t { http_1_0, http_1_1 };

enum class TargetForm : std::uint8_t {
    origin,    // /path?query
    absolute,  // http://host/path?query
    asterisk,  // OPTIONS *
};

struct Slice {
    std::uint16_t at = 0;
    std::uint16_t size = 0;
};

// The field lines in the order received.
class FieldTable {
public:
    class Iterator {
    public:
        Iterator(const FieldTable* table, std::size_t index) : table_(table), index_(index) {}
        Field operator*() const { return (*table_)[index_]; }
        Iterator& operator++() {
            ++index_;
            return *this;
        }
        friend bool operator==(const Iterator&, const Iterator&) = default;

    private:
        const FieldTable* table_;
        std::size_t index_;
    };

    // The values of one kind, in their order.
    class Values {
    public:
        class Iterator {
        public:
            Iterator(const FieldTable* table, std::size_t index, FieldId id)
                : table_(table), index_(index), id_(id) {}
            std::string_view operator*() const {
                return table_->view(table_->entries_[index_].value());
            }
            Iterator& operator++() {
                index_ = table_->next(index_ + 1, id_);
                return *this;
            }
            friend bool operator==(const Iterator& a, const Iterator& b) {
                return a.index_ == b.index_;
            }

        private:
            const FieldTable* table_;
            std::size_t index_;
            FieldId id_;
        };

        Values(const FieldTable* table, FieldId id) : table_(table), id_(id) {}
        Iterator begin() const {
            return {table_, table_->has(id_) ? table_->next(0, id_) : table_->count_, id_};
        }
        Iterator end() const { return {table_, table_->count_, id_}; }

    private:
        const FieldTable* table_;
        FieldId id_;
    };

    std::size_t size() const { return count_; }
    Field operator[](std::size_t index) const {
        const Entry& entry = entries_[index];
        return {view(entry.name()), view(entry.value()), entry.id};
    }
    Iterator begin() const { return {this, 0}; }
    Iterator end() const { return {this, count_}; }

    // Costs nothing to ask; most fields that matter are in few heads.
    bool has(FieldId id) const { return kinds_.has(id); }
    Values all(FieldId id) const { return {this, id}; }
    // The first field of that kind or name (any case).
    std::optional<std::string_view> first(FieldId id) const {
        if (!has(id)) return std::nullopt;
        return view(entries_[next(0, id)].value());
    }
    std::optional<std::string_view> first(std::string_view name) const;
    // The value if there is exactly one such field.
    std::optional<std::string_view> only(FieldId id) const;

    // For the parser.
    std::string_view view(Slice slice) const { return {base_ + slice.at, slice.size}; }
    void rebase(const char* base) { base_ = base; }
    void clear() {
        count_ = 0;
        kinds_ = {};
    }
    bool full(std::size_t fields_max) const { return count_ >= fields_max; }
    void add(Slice name, Slice value, FieldId id) {
        entries_[count_++] = {name.at, name.size, value.at, value.size, id};
        kinds_ = kinds_.with(id);
    }

private:
    // Without initializers: a table has a kilobyte of them, of which few are used.
    struct Entry {
        std::uint16_t name_at, name_size, value_at, value_size;
        FieldId id;

        Slice name() const { return {name_at, name_size}; }
        Slice value() const { return {value_at, value_size}; }
    };

    // The next of that kind, or count_.
    std::size_t next(std::size_t index, FieldId id) const {
        while (index < count_ && entries_[index].id != id) ++index;
        return index;
    }

    const char* base_ = "";
    std::size_t count_ = 0;
    FieldSet kinds_;                           // of all entries
    std::array<Entry, k_fields_max> entries_;  // only the first count_ mean something
};

// What the fields of either kind of message say about the message itself.
struct MessageFacts {
    std::optional<std::uint64_t> content_length;
    bool chunked = false;
    // Connection's tokens.
    bool close = false;
    bool keep_alive = false;
    bool connection_upgrade = false;
    bool connection_lists_fields = false;  // it names fields that must not be passed on
    bool has_upgrade = false;              // an Upgrade field is there
    std::uint16_t connection_bytes = 0;
};

struct RequestHead {
    Method method = Method::other;
    Version version = Version::http_1_1;
    TargetForm form = TargetForm::origin;
    bool has_query = false;
    bool path_is_plain = true;     // no %, no dot segment, no empty segment: needs no normalising
    bool expect_continue = false;  // HTTP/1.1 and Expect: 100-continue
    std::optional<std::uint16_t> port;  // from Host
    MessageFacts facts;
    FieldTable fields;

    std::string_view method_name() const { return fields.view(method_slice); }
    std::string_view target() const { return fields.view(target_slice); }
    // Begins with '/'; "*" for the asterisk form. As received: see url.h for what routing uses.
    std::string_view path() const;
    // Without the '?'.
    std::string_view query() const { return fields.view(query_slice); }
    // The Host field: host and maybe port. Valid, as received, not lower-cased.
    std::string_view authority() const { return fields.view(authority_slice); }
    // The same without the port; an IPv6 literal keeps its brackets.
    std::string_view host() const { return fields.view(host_slice); }

    // The buffer's bytes are now here.
    void rebase(const char* buffer) { fields.rebase(buffer); }
    // As new, without touching the 1 KiB that the table need not clear. The parser does it.
    void reset();

    // For the parser.
    Slice method_slice, target_slice, path_slice, query_slice, authority_slice, host_slice;
};

struct ResponseHead {
    std::uint16_t status = 0;
    Version version = Version::http_1_1;
    MessageFacts facts;
    FieldTable fields;

    std::string_view reason() const { return fields.view(reason_slice); }
    void rebase(const char* buffer) { fields.rebase(buffer); }
    void reset();

    // For the parser.
    Slice reason_slice;
};

// Where a parser stopped. Fresh for every message.
struct HeadCursor {
    enum class Phase : std::uint8_t { start, method, target, version, reason, field, name, value };

    Phase phase = Phase::start;
    bool skipped_empty_line = false;
    bool saw_host = false;
    bool saw_transfer_encoding = false;
    bool in_query = false;
    std::uint16_t at = 0;     // next byte to look at
    std::uint16_t begin = 0;  // where the current element began
    Slice name;               // of the field whose value is being read
    FieldId name_id = FieldId::other;
};

enum class Progress : std::uint8_t { need_more, done, refused };

struct HeadResult {
    Progress progress = Progress::need_more;
    Violation violation = Violation::none;  // when refused
    std::size_t consumed = 0;               // when done: the head's bytes; the body begins there

    friend bool operator==(const HeadResult&, const HeadResult&) = default;
};

// `buffer` begins with the message and has all bytes of the calls before. The verdict depends on
// the bytes alone, not on how they were split. After `refused` nothing more may be read from
// this connection: its framing is unknown.
HeadResult parse_request_head(std::string_view buffer, const HeadLimits& limits, HeadCursor& cursor,
                              RequestHead& head);
HeadResult parse_response_head(std::string_view buffer, const HeadLimits& limits,
                               HeadCursor& cursor, ResponseHead& head);

}  // namespace moln::http
