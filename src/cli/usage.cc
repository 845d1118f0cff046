#include "cli/usage.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/nearest.h"
#include "cli/verbs.h"

namespace moln::cli {
namespace {

// The words that may come behind `first`, "" for the first ones, in the order of --help.
std::vector<std::string_view> words_after(std::string_view first) {
    std::vector<std::string_view> found;
    for (const auto& verb : verbs()) {
        auto word = verb.name;
        if (!first.empty()) {
            if (!word.starts_with(first) || word.size() <= first.size() ||
                word[first.size()] != ' ') {
                continue;
            }
            word.remove_prefix(first.size() + 1);
        }
        word = word.substr(0, word.find(' '));
        if (std::ranges::count(found, word) == 0) found.push_back(word);
    }
    return found;
}

std::string listed(const std::vector<std::string_view>& words) {
    std::string out;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (i > 0) out += i + 1 == words.size() ? " or " : ", ";
        out += words[i];
    }
    return out;
}

std::string guess(std::string_view word, const std::vector<std::string_view>& known) {
    const auto near = nearest(word, known);
    return near.empty() ? "" : fmt::format("; did you mean \"{}\"?", near);
}

}  // namespace

std::string usage_text(std::string_view verb, std::string_view what) {
    const auto space = verb.empty() ? "" : " ";
    // A question ends the sentence.
    const auto* join = what.ends_with('?') ? " See" : "; see";
    return fmt::format("moln{0}{1}: {2}{3} `moln{0}{1} --help`\n", space, verb, what, join);
}

std::optional<std::string> wrong_verb(const std::vector<std::string>& words, Wish wish) {
    if (words.empty()) return std::nullopt;
    const auto known = words_after("");
    const auto& first = words.front();
    if (std::ranges::count(known, first) == 0) {
        return usage_text("",
                          fmt::format("{}: there is no such verb{}", first, guess(first, known)));
    }
    const auto seconds = words_after(first);
    if (seconds.empty()) return std::nullopt;
    if (words.size() < 2) {
        if (wish == Wish::help) return std::nullopt;
        return usage_text(first, "expected " + listed(seconds));
    }
    if (std::ranges::count(seconds, words[1]) > 0) return std::nullopt;
    const auto near = guess(words[1], seconds);
    return usage_text(first, fmt::format("{}: there is no such verb{}", words[1],
                                         near.empty() ? ", but " + listed(seconds) : near));
}

std::string unknown_words(std::string_view verb, const std::vector<std::string>& words,
                          const std::vector<std::string>& options) {
    const auto first = words.empty() ? std::string() : words.front();
    if (first.starts_with('-') && first.size() > 1) {
        const auto name = first.substr(0, first.find('='));
        return usage_text(verb, fmt::format("{}: there is no such option{}", name,
                                            guess(name, {options.begin(), options.end()})));
    }
    const bool of_app = std::ranges::count(options, "--app") > 0;
    return usage_text(
        verb, fmt::format("{}: there is no place for this word{}", first,
                          of_app ? fmt::format("; an app is named by --app {}", first) : ""));
}

std::string wrapped(std::string_view text, std::size_t columns) {
    std::string out;
    std::size_t line = 0;
    while (!text.empty()) {
        const auto end = std::min(text.find(' '), text.size());
        const auto word = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line > 0 && line + 1 + word.size() > columns) {
            out += '\n';
            line = 0;
        } else if (line > 0) {
            out += ' ';
            ++line;
        }
        out += word;
        line += word.size();
    }
    return out;
}

std::string plain_words(std::string_view sentence) {
    std::string text(sentence);
    while (text.ends_with('\n')) text.pop_back();
    constexpr std::string_view k_unexpected = "The following argument was not expected: ";
    if (text.starts_with(k_unexpected)) {
        const auto word = text.substr(k_unexpected.size());
        return word + (word.starts_with('-') ? ": there is no such option"
                                             : ": there is no place for this word");
    }
    const auto colon = text.find(": ");
    if (colon == std::string::npos) return text;
    const auto name = text.substr(0, colon);
    const auto rest = std::string_view(text).substr(colon + 2);
    if (const auto at = rest.find(" not in {"); at != std::string_view::npos) {
        std::string choices;
        for (const char c : rest.substr(at + 9)) {
            if (c == '}') break;
            choices += c == ',' ? ", " : std::string(1, c);
        }
        return fmt::format("{}: expected one of {}, found \"{}\"", name, choices,
                           rest.substr(0, at));
    }
    constexpr std::string_view k_value = "Value ";
    constexpr std::string_view k_range = " not in range ";
    const auto range = rest.find(k_range);
    if (rest.starts_with(k_value) && range != std::string_view::npos) {
        return fmt::format("{}: expected {}, found {}", name, rest.substr(range + k_range.size()),
                           rest.substr(k_value.size(), range - k_value.size()));
    }
    constexpr std::string_view k_most = "At Most ";
    constexpr std::string_view k_received = " required but received ";
    const auto received = rest.find(k_received);
    if (rest.starts_with(k_most) && received != std::string_view::npos) {
        return fmt::format("{}: expected at most {}, found {}", name,
                           rest.substr(k_most.size(), received - k_most.size()),
                           rest.substr(received + k_received.size()));
    }
    return text;
}

}  // namespace moln::cli
