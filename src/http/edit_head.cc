#include "http/edit_head.h"

#include <algorithm>

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
        const auto is_it = [&](const std::string& name) {
            return equals_ignoring_case(name, field.name);
        };
        if (gone.has(field.id) || std::ranges::any_of(edit.dropped, is_it)) continue;
        out.field(field.name, field.value);
    }
    write_extra_fields(out, edit.added);
    out.end_line();
    return size_if_fits(out);
}

}  // namespace moln::http
