#include "http/edit_head.h"

#include <algorithm>
#include <utility>

#include "http/scan.h"
#include "http/write_fields.h"

namespace moln::http {
namespace {

constexpr FieldSet k_of_one_request = FieldSet()
                                          .with(FieldId::content_length)
                                          .with(FieldId::transfer_encoding)
                                          .with(FieldId::content_type)
                                          .with(FieldId::content_encoding)
                                          .with(FieldId::content_range)
                                          .with(FieldId::content_md5)
                                          .with(FieldId::trailer)
                                          .with(FieldId::expect)
                                          .with(FieldId::upgrade)
                                          .with(FieldId::sec_websocket_key)
                                          .with(FieldId::sec_websocket_version)
                                          .with(FieldId::range)
                                          .with(FieldId::if_range)
                                          .with(FieldId::if_match)
                                          .with(FieldId::if_none_match)
                                          .with(FieldId::if_modified_since)
                                          .with(FieldId::if_unmodified_since);

// Gateways that make variables of names (CGI, WSGI, PHP) read '-' and '_' alike.
constexpr char fold(char c) {
    return c == '_' ? '-' : to_lower(c);
}

bool is_same_name(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b, [](char x, char y) { return fold(x) == fold(y); });
}

bool is_dropped(const HeadEdit& edit, std::string_view name) {
    return std::ranges::any_of(edit.dropped,
                               [&](const auto& one) { return is_same_name(one, name); });
}

bool is_edited(const HeadEdit& edit, std::string_view name) {
    return is_dropped(edit, name) || std::ranges::any_of(edit.added, [&](const auto& one) {
               return is_same_name(one.name, name);
           });
}

// A field that Connection lists goes no further than the next hop: a client must not take out so
// what is said of it.
void write_connection(ByteWriter& out, std::string_view value, const HeadEdit& edit) {
    bool as_it_is = true;
    for_each_element(value, [&](std::string_view token) {
        if (is_edited(edit, token)) as_it_is = false;
    });
    if (as_it_is) return out.field("Connection", value);
    bool first = true;
    for_each_element(value, [&](std::string_view token) {
        if (is_edited(edit, token)) return;
        out.text(std::exchange(first, false) ? "Connection: " : ", ");
        out.text(token);
    });
    if (!first) out.end_line();
}

}  // namespace

std::optional<std::size_t> edit_request_head(const RequestHead& head, const HeadEdit& edit,
                                             std::span<char> buffer) {
    ByteWriter out(buffer);
    if (!edit.start_line.empty()) {
        out.text(edit.start_line);
    } else {
        out.text(head.method_name());
        out.text(" ");
        out.text(head.target());
        out.text(head.version == Version::http_1_0 ? " HTTP/1.0" : " HTTP/1.1");
    }
    out.end_line();
    const FieldSet gone = edit.bare ? k_of_one_request : FieldSet();
    for (const Field field : head.fields) {
        if (gone.has(field.id) || is_dropped(edit, field.name)) continue;
        if (field.id == FieldId::connection) {
            write_connection(out, field.value, edit);
        } else {
            out.field(field.name, field.value);
        }
    }
    write_extra_fields(out, edit.added);
    out.end_line();
    return size_if_fits(out);
}

}  // namespace moln::http
