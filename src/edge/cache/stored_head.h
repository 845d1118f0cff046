// The head of a stored response: what of it is kept, and how a 304 brings it up to date (RFC 9111
// 3.1, 3.2, 4.3.4). Immutable, one piece of memory of the least size.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/date.h"
#include "http/head.h"

namespace moln::edge {

// Whose head is said.
enum class HeadForm : std::uint8_t {
    as_it_is,
    judged,  // with Surrogate-Control, by which what a 304 leaves as it was is judged; for no
             // client
    coded,   // of the same answer in a content coding: it has another entity tag and no parts; the
             // caller says which tag and coding
    whole,   // of what a 206 is a part of: 200, without sums of what that one brought
    part,    // of a part of it: without sums of all; the caller says status and Content-Range
};

class StoredHead {
public:
    // Whether what no-cache="…" lists is there: it is for who asked the app, and for nobody after.
    enum class Listed : std::uint8_t { left_out, kept };
    // Left out: what is meant for one connection, what Connection lists, framing, Age, and of
    // what speaks to a cache alone Cache-Tag, Surrogate-Key and Moln-Peer.
    // A response without Date gets `came` (RFC 9110 6.6.1).
    static StoredHead of(const http::ResponseHead& head, WallTime came,
                         Listed listed = Listed::left_out);
    // With the fields of a 304 in the place of those of the same name; what describes the body
    // (Content-Length, -Encoding, -Range, -MD5, ETag) stays.
    StoredHead merged(const http::ResponseHead& update, WallTime came) const;

    std::uint16_t status() const { return status_; }
    // As parsed: status, reason and fields; views into this.
    void show(http::ResponseHead& out, HeadForm form = HeadForm::as_it_is) const;
    // As a 304 (RFC 9110 15.4.5): without what describes the body.
    void show_not_modified(http::ResponseHead& out, HeadForm form = HeadForm::as_it_is) const;
    // The first value of that kind; empty: there is none.
    std::string_view first(http::FieldId id) const;
    // As bytes and back, for a disk. load(): nothing for bytes that save() does not make.
    void save(std::string& out) const;
    static std::optional<StoredHead> load(std::string_view bytes);
    // What it costs beside its own size.
    std::size_t bytes() const { return text_.capacity() + fields_.capacity() * sizeof(Entry); }

    friend bool operator==(const StoredHead&, const StoredHead&) = default;

private:
    struct Entry {
        std::uint16_t name_at = 0;
        std::uint16_t name_size = 0;
        std::uint16_t value_size = 0;  // the value follows the name
        http::FieldId id = http::FieldId::other;
        friend bool operator==(const Entry&, const Entry&) = default;
    };

    bool is_of(HeadForm form, const Entry& entry) const;
    void show_field(const Entry& entry, http::ResponseHead& out) const;
    std::string_view name(const Entry& entry) const;
    std::string_view value(const Entry& entry) const;
    void add(std::string_view name, std::string_view value, http::FieldId id);
    void add_date(WallTime came);
    void shrink();

    std::uint16_t status_ = 0;
    std::uint16_t reason_size_ = 0;  // the reason is first in text_
    std::string text_;
    std::vector<Entry> fields_;
};

// Calls visit(tag) for every tag that a response bears: Cache-Tag (commas), Surrogate-Key (blanks).
template <typename Visit>
void for_each_tag(const http::FieldTable& response, Visit&& visit) {
    for (const std::string_view tags : response.all(http::FieldId::cache_tag)) {
        http::for_each_element(tags, visit);
    }
    for (std::string_view rest : response.all(http::FieldId::surrogate_key)) {
        while (!rest.empty()) {
            const auto blank = rest.find(' ');
            if (const auto tag = rest.substr(0, blank); !tag.empty()) visit(tag);
            rest.remove_prefix(blank == std::string_view::npos ? rest.size() : blank + 1);
        }
    }
}

}  // namespace moln::edge
