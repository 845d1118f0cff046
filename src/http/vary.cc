#include "http/vary.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "http/scan.h"
#include "http/weighted.h"
#include "http/write.h"

namespace moln::http {
namespace {

constexpr std::array<std::string_view, 4> k_codings = {"zstd", "br", "gzip", "deflate"};

void write_lower(ByteWriter& out, std::string_view text) {
    for (const char c : text) {
        const char lower = to_lower(c);
        out.text({&lower, 1});
    }
}

// Blanks beside commas go, but none within quotes.
void write_joined(ByteWriter& out, std::string_view value) {
    bool quoted = false;
    for (std::size_t at = 0; at < value.size();) {
        std::size_t end = at;
        for (; end < value.size() && (quoted || value[end] != ','); ++end) {
            if (value[end] == '"') quoted = !quoted;
        }
        out.text(trim_blanks(value.substr(at, end - at)));
        if (end < value.size()) out.text(",");
        at = end + 1;
    }
}

// Which of these the client takes, in this order; the client's own order means nothing.
void write_codings(ByteWriter& out, const FieldTable& request) {
    std::array<bool, k_codings.size()> taken{};
    std::array<bool, k_codings.size()> named{};
    bool any = false;
    for_each_weighted(request, FieldId::accept_encoding, [&](const Weighted& coding) {
        if (coding.name == "*") any = coding.thousandths > 0;
        for (std::size_t i = 0; i < k_codings.size(); ++i) {
            if (!equals_ignoring_case(coding.name, k_codings[i])) continue;
            named[i] = true;
            taken[i] = coding.thousandths > 0;
        }
    });
    for (std::size_t i = 0; i < k_codings.size(); ++i) {
        if (!taken[i] && (named[i] || !any)) continue;
        out.text(k_codings[i]);
        out.text(",");
    }
}

// False: too many to sort.
bool write_languages(ByteWriter& out, const FieldTable& request) {
    std::array<Weighted, k_languages_max> languages;
    std::size_t count = 0;
    bool fits = true;
    for_each_weighted(request, FieldId::accept_language, [&](const Weighted& language) {
        fits = fits && count < languages.size();
        if (fits) languages[count++] = language;
    });
    if (!fits) return false;
    const auto lower_less = [](std::string_view a, std::string_view b) {
        return std::ranges::lexicographical_compare(
            a, b, [](char x, char y) { return to_lower(x) < to_lower(y); });
    };
    std::sort(languages.begin(), languages.begin() + count, [&](const auto& a, const auto& b) {
        if (a.thousandths != b.thousandths) return a.thousandths > b.thousandths;
        return lower_less(a.name, b.name);
    });
    for (std::size_t i = 0; i < count; ++i) {
        write_lower(out, languages[i].name);
        out.text(";");
        out.number(languages[i].thousandths);
        out.text(",");
    }
    return true;
}

void write_value(ByteWriter& out, std::string_view name, const FieldTable& request) {
    const FieldId id = field_id(name);
    if (id == FieldId::accept_encoding) {
        write_codings(out, request);
        return;
    }
    if (id == FieldId::accept_language && write_languages(out, request)) return;
    bool first = true;
    for (const Field field : request) {
        const bool same =
            id == FieldId::other ? equals_ignoring_case(field.name, name) : field.id == id;
        if (!same) continue;
        if (!first) out.text(",");
        first = false;
        write_joined(out, field.value);
    }
}

}  // namespace

std::optional<std::string_view> vary_names(const FieldTable& response,
                                           std::span<char, k_vary_bytes_max> out) {
    std::array<std::string_view, k_vary_names_max> names;
    std::size_t count = 0;
    bool good = true;
    const auto less = [](std::string_view a, std::string_view b) {
        return std::ranges::lexicographical_compare(
            a, b, [](char x, char y) { return to_lower(x) < to_lower(y); });
    };
    for (const std::string_view value : response.all(FieldId::vary)) {
        for_each_element(value, [&](std::string_view name) {
            // '*' is a token character.
            good = good && name != "*" && is_token(name) && count < names.size();
            if (good) names[count++] = name;
        });
    }
    if (!good) return std::nullopt;
    std::sort(names.begin(), names.begin() + count, less);
    ByteWriter text(out);
    for (std::size_t i = 0; i < count; ++i) {
        if (i > 0 && equals_ignoring_case(names[i], names[i - 1])) continue;
        if (i > 0) text.text(",");
        write_lower(text, names[i]);
    }
    if (!text.fits()) return std::nullopt;
    return text.written();
}

bool is_told_apart(std::string_view coding) {
    return equals_ignoring_case(coding, "identity") ||
           std::ranges::any_of(
               k_codings, [&](std::string_view one) { return equals_ignoring_case(coding, one); });
}

std::optional<std::string_view> vary_key(std::string_view names, const FieldTable& request,
                                         std::span<char, k_vary_key_bytes_max> out) {
    ByteWriter text(out);
    for_each_element(names, [&](std::string_view name) {
        const bool there = request.first(name).has_value();
        text.text(name);
        // A field that is empty is another thing than none.
        text.text(there ? ":" : "!");
        if (there) write_value(text, name, request);
        text.text("\n");
    });
    if (!text.fits()) return std::nullopt;
    return text.written();
}

}  // namespace moln::http
