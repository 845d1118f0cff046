// A doubly linked list whose links live in its elements: nothing is allocated, removal is O(1).
// An element is in at most one list per Tag and unlinks itself when destroyed.
#pragma once

#include <cstddef>

#include "base/check.h"

namespace moln::edge {

template <typename Tag>
class ListLink {
public:
    ListLink() = default;
    ListLink(const ListLink&) = delete;
    ListLink& operator=(const ListLink&) = delete;
    ~ListLink() { unlink(); }

    bool linked() const { return next_ != nullptr; }
    // Takes the place of `other`, which is in no list then.
    void replace(ListLink& other) {
        unlink();
        if (other.next_ == nullptr) return;
        next_ = other.next_;
        previous_ = other.previous_;
        previous_->next_ = this;
        next_->previous_ = this;
        other.next_ = other.previous_ = nullptr;
    }
    void unlink() {
        if (next_ == nullptr) return;
        previous_->next_ = next_;
        next_->previous_ = previous_;
        next_ = previous_ = nullptr;
    }

private:
    template <typename T, typename U>
    friend class List;
    ListLink* next_ = nullptr;
    ListLink* previous_ = nullptr;
};

template <typename T, typename Tag>
class List {
    using Link = ListLink<Tag>;

public:
    List() { head_.next_ = head_.previous_ = &head_; }
    List(const List&) = delete;
    List& operator=(const List&) = delete;
    ~List() {
        while (!empty()) head_.next_->unlink();
        head_.next_ = head_.previous_ = nullptr;
    }

    bool empty() const { return head_.next_ == &head_; }
    T* front() { return empty() ? nullptr : static_cast<T*>(head_.next_); }
    T* back() { return empty() ? nullptr : static_cast<T*>(head_.previous_); }
    T* after(T* element) {
        Link* next = static_cast<Link*>(element)->next_;
        return next == &head_ ? nullptr : static_cast<T*>(next);
    }

    void push_back(T* element) {
        Link* link = element;
        CHECK(!link->linked());
        link->previous_ = head_.previous_;
        link->next_ = &head_;
        head_.previous_->next_ = link;
        head_.previous_ = link;
    }
    T* pop_front() {
        T* first = front();
        if (first != nullptr) static_cast<Link*>(first)->unlink();
        return first;
    }
    T* pop_back() {
        T* last = back();
        if (last != nullptr) static_cast<Link*>(last)->unlink();
        return last;
    }

private:
    Link head_;
};

}  // namespace moln::edge
