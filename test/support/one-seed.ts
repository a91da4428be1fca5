import fc from 'fast-check'

/** In CI a change is judged by the same random cases every time; `npm test` at a desk tries new ones. */
fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: 20_261 })
