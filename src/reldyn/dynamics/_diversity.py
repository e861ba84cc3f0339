"""Numbers of contacts and their diversity in each window of each person: arrays in, arrays out.

Hill (1973, Ecology 54, 427-432) for effective numbers; Miller (1955) for the small-sample term of the entropy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reldyn._types import Array, Ints

__all__ = ["Windows", "effective_number", "windows_of"]


@dataclass(frozen=True)
class Windows:
    """Windows with at least one answered occasion, sorted by person and time; w windows, c categories.

    Attributes
    ----------
    person, number : (w,) int array
        Person code and running number of the window.
    n_obs : (w,) int array
        Answered occasions.
    contacts : (w, c) array
        Sum of contacts per category.
    """

    person: Ints
    number: Ints
    n_obs: Ints
    contacts: Array


def windows_of(contacts: Array, person: Ints, number: Ints) -> Windows:
    """Sum contacts over the answered occasions of each person and window.

    Parameters
    ----------
    contacts : (n, c) array
        An occasion with any category missing is unanswered.
    person, number : (n,) int array
        Person and window of each occasion.

    Returns
    -------
    Windows
    """
    whole = np.isfinite(contacts).all(axis=1)
    span = int(number.max(initial=0)) + 1
    key, inverse = np.unique(person[whole] * span + number[whole], return_inverse=True)
    columns = [np.bincount(inverse, weights=column, minlength=len(key)) for column in contacts[whole].T]
    sums = np.column_stack(columns).astype(float)
    count = np.bincount(inverse, minlength=len(key))
    return Windows(key // span, key % span, count, sums.reshape(len(key), contacts.shape[1]))


def effective_number(contacts: Array) -> Array:
    """Exponential of the Shannon entropy of each row, with Miller's term for small samples; NaN without a contact.

    One category gives 1, k equally frequent ones nearly k. The term (categories seen - 1) / (2 contacts) takes out most
    of the entropy's bias; no row is given more than the number of categories.
    """
    total = contacts.sum(axis=1)
    share = contacts / np.where(total > 0, total, 1.0)[:, None]
    entropy = -(share * np.log(np.where(share > 0, share, 1.0))).sum(axis=1)
    seen = (contacts > 0).sum(axis=1)
    corrected = entropy + (seen - 1) / (2 * np.where(total > 0, total, 1.0))
    most = contacts.shape[1]
    beyond = corrected >= np.log(most)
    return np.where(total > 0, np.where(beyond, most, np.exp(np.where(beyond, 0.0, corrected))), np.nan)
