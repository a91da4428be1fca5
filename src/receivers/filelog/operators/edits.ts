import { copyOf, type Entry, type EntryMap, isMap, nameOf, OperatorFault } from './entry.ts'
import { deleteField, type EntryField, getField, setField } from './entry-field.ts'
import type { Expression } from './expression.ts'
import type { Operator } from './operator.ts'

export const move =
  (from: EntryField, to: EntryField): Operator['run'] =>
  (entry) => {
    const value = getField(entry, from)
    if (value === undefined) throw new OperatorFault(`the entry has no ${from.text} to move`)
    deleteField(entry, from)
    setField(entry, to, value)
    return true
  }

export const copy =
  (from: EntryField, to: EntryField): Operator['run'] =>
  (entry) => {
    const value = getField(entry, from)
    if (value === undefined) throw new OperatorFault(`the entry has no ${from.text} to copy`)
    setField(entry, to, copyOf(value))
    return true
  }

export const add =
  (field: EntryField, value: Expression): Operator['run'] =>
  (entry) => {
    setField(entry, field, copyOf(value(entry)))
    return true
  }

export const remove =
  (field: EntryField): Operator['run'] =>
  (entry) => {
    if (deleteField(entry, field)) return true
    throw new OperatorFault(`the entry has no ${field.text} to remove`)
  }

/** Keeps these fields; of body, attributes and resource those stay whole that none of them is in. */
export const retain =
  (fields: readonly EntryField[]): Operator['run'] =>
  (entry) => {
    const { body, attributes, resource } = entry
    const before: Entry = { ...entry, body, attributes, resource }
    for (const { root } of fields) {
      if (root === 'body') entry.body = null
      else entry[root] = {}
    }
    for (const field of fields) {
      const value = getField(before, field)
      if (value !== undefined) setField(entry, field, value)
    }
    return true
  }

/** Puts the keys of a map beside it, in its place. */
export const flatten =
  (field: EntryField): Operator['run'] =>
  (entry) => {
    const value = getField(entry, field)
    if (value === undefined) throw new OperatorFault(`the entry has no ${field.text} to flatten`)
    if (!isMap(value)) throw new OperatorFault(`${field.text} is ${nameOf(value)}, not a map`)
    deleteField(entry, field)
    setField(entry, { ...field, keys: field.keys.slice(0, -1) }, value satisfies EntryMap)
    return true
  }
