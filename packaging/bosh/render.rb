# Renders the templates of a job as BOSH does, for tests: ruby render.rb JOB_FOLDER OUT_FOLDER < input.json
# input: {"properties": {}, "links": {"NAME": {"address": "", "properties": {}}}, "spec": {"deployment": "", "ip": "", ...}}
# Properties are flat: {"tls.ca_cert": "..."}. What is left out has the default of the job's spec.
require 'erb'
require 'fileutils'
require 'json'
require 'ostruct'
require 'yaml'

# What `if_p(...) { }.else { }` answers.
class Otherwise
  def initialize(met)
    @met = met
  end

  def else
    yield unless @met
  end
end

module Properties
  def p(name, *default)
    return @properties[name] unless @properties[name].nil?
    return default.first unless default.empty?

    raise "property #{name} is missing"
  end

  def if_p(*names)
    values = names.map { |name| @properties[name] }
    return Otherwise.new(false) if values.any?(&:nil?)

    yield(*values)
    Otherwise.new(true)
  end
end

class Link
  include Properties

  def initialize(given)
    @given = given
    @properties = given['properties'] || {}
  end

  # The real one makes a name of these for the DNS of BOSH.
  def address(**)
    @given['address']
  end
end

class Template
  include Properties

  attr_reader :spec, :name

  def initialize(job, input)
    @name = job['name']
    @links = (input['links'] || {}).transform_values { |given| Link.new(given) }
    defaults = job['properties'].transform_values { |property| property['default'] }
    given = input['properties'] || {}
    unknown = given.keys - defaults.keys
    raise "job #{@name} has no property #{unknown.join(', ')}" unless unknown.empty?

    @properties = defaults.merge(given)
    details = { 'name' => @name, 'index' => 0, 'job' => { 'name' => @name } }.merge(input['spec'] || {})
    @spec = OpenStruct.new(details.merge('job' => OpenStruct.new(details['job'])))
  end

  def link(name)
    @links[name] || raise("link #{name} is missing")
  end

  def if_link(name)
    return Otherwise.new(false) unless @links.key?(name)

    yield @links[name]
    Otherwise.new(true)
  end

  def render(file)
    erb = ERB.new(File.read(file), trim_mode: '-')
    erb.filename = file
    erb.result(binding)
  end
end

folder, out = ARGV
job = YAML.safe_load(File.read(File.join(folder, 'spec')))
template = Template.new(job, JSON.parse($stdin.read))
targets = job['templates'].transform_keys { |source| File.join('templates', source) }
targets.merge('monit' => 'monit').each do |source, target|
  path = File.join(out, target)
  FileUtils.mkdir_p(File.dirname(path))
  File.write(path, template.render(File.join(folder, source)))
end
